package socketserver

import java.net.InetSocketAddress

import scala.concurrent.duration._

import com.typesafe.config.ConfigFactory
import org.apache.pekko.actor.{ActorRef, ActorSystem}
import org.apache.pekko.testkit.{TestKit, TestProbe}
import org.apache.pekko.util.ByteString
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite
import socketserver.SocketServer._

/** Over real sockets, on a free port; the handler is a probe. */
class SocketServerSpec extends AnyFunSuite with BeforeAndAfterAll {
  private implicit val system: ActorSystem =
    ActorSystem("test", ConfigFactory.parseString("pekko.loglevel = OFF").withFallback(ConfigFactory.load()))

  override def afterAll(): Unit = TestKit.shutdownActorSystem(system)

  private final class Running(port: Int, writeLimit: Int) {
    val handler = TestProbe()
    private def framing(onOverlong: ByteString => Unit) = new DelimiterFraming(ByteString("~"), 1 << 20, onOverlong)
    val server: ActorRef =
      system.actorOf(SocketServer.props(new InetSocketAddress("127.0.0.1", port), framing, handler.ref, writeLimit))

    def listening(): Int = handler.expectMsgType[Listening](10.seconds).address.getPort
    def fromClient(): FromClient = handler.expectMsgType[FromClient](10.seconds)
    def clientGone(): ClientGone = handler.expectMsgType[ClientGone](10.seconds)

    /** A client that is known to be connected: it has said something. */
    def connect(port: Int, name: String, receiveBuffer: Int = 0): (Peer, ActorRef) = {
      val peer = new Peer(port, receiveBuffer)
      peer.send(name + "~")
      val hello = fromClient()
      assert(hello.message == name)
      (peer, hello.client)
    }
    def stop(): Unit = {
      handler.watch(server)
      server ! Stop
      handler.fishForMessage(10.seconds) { case _: org.apache.pekko.actor.Terminated => true; case _ => false }: Unit
    }
  }

  private def serve(writeLimit: Int = DefaultWriteLimit)(body: (Running, Int) => Unit): Unit = {
    val running = new Running(0, writeLimit)
    try body(running, running.listening())
    finally running.stop()
  }

  test("SendToClients reaches every connected client, in order and escaped") {
    serve() { (running, port) =>
      val peers = Seq("one", "two").map(running.connect(port, _)._1)
      for (n <- 1 to 100) running.server ! SendToClients(s"""{"n":$n,"text":"~"}""")
      for (peer <- peers; n <- 1 to 100) assert(peer.receive().contains(s"""{"n":$n,"text":"\\u007e"}"""))
      peers.foreach(_.close())
    }
  }

  test("SendToClient reaches that client alone, and nobody when it has gone") {
    serve() { (running, port) =>
      val (one, oneRef) = running.connect(port, "one")
      val (two, _) = running.connect(port, "two")
      running.server ! SendToClient(oneRef, """{"for":"one","text":"~"}""")
      running.server ! SendToClients("all")
      assert(one.receive().contains(s"""{"for":"one","text":"\\u007e"}""") && one.receive().contains("all"))
      assert(two.receive().contains("all"))
      one.close()
      running.clientGone()
      running.server ! SendToClient(oneRef, "too late")
      running.server ! SendToClients("all")
      assert(two.receive().contains("all"))
      two.close()
    }
  }

  test("what a client sends arrives by frames, however it was cut, and clients do not mix") {
    serve() { (running, port) =>
      val (one, oneRef) = running.connect(port, "one")
      val (two, twoRef) = running.connect(port, "two")
      two.send("unfini")
      for (byte <- "é€𝄞~".getBytes("UTF-8")) one.send(Array(byte))
      assert(running.fromClient() == FromClient(oneRef, "é€𝄞"))
      two.send("shed~and~")
      assert(running.fromClient() == FromClient(twoRef, "unfinished"))
      assert(running.fromClient() == FromClient(twoRef, "and"))
      one.close()
      two.close()
    }
  }

  test("bytes that are no UTF-8 and frames over the limit stop nothing") {
    serve() { (running, port) =>
      val (peer, _) = running.connect(port, "peer")
      peer.send(Array[Byte](-1, '~'))
      peer.send("x" * ((1 << 20) + 1) + "~after~")
      assert(running.fromClient().message == "\uFFFD")
      assert(running.fromClient().message == "after")
      peer.close()
    }
  }

  test("a client that closes, or resets, is gone, and the others are still served") {
    serve() { (running, port) =>
      val (stays, _) = running.connect(port, "stays")
      val (closes, closesRef) = running.connect(port, "closes")
      val (resets, resetsRef) = running.connect(port, "resets")
      closes.close()
      assert(running.clientGone().client == closesRef)
      resets.reset()
      assert(running.clientGone().client == resetsRef)
      running.server ! SendToClients("{}")
      assert(stays.receive().contains("{}"))
      stays.close()
    }
  }

  test("a client that does not read blocks no other, and is dropped at the limit") {
    serve(writeLimit = 1 << 20) { (running, port) =>
      val (reads, _) = running.connect(port, "reads")
      val (stalls, stallsRef) = running.connect(port, "stalls", receiveBuffer = 4096)
      val padding = "x" * 65536
      // In step with the client that reads: it gets each message before the next one is sent.
      val sentUntilDropped = Iterator.from(1).takeWhile { n =>
        running.server ! SendToClients(s"""{"n":$n,"x":"$padding"}""")
        assert(reads.receive().exists(_.startsWith(s"""{"n":$n,""")))
        assert(n < 1000, "64 MiB were taken for a client that does not read")
        !running.handler.msgAvailable
      }.size
      assert(running.clientGone().client == stallsRef)
      assert(sentUntilDropped >= 15) // 1 MiB has to gather first
      reads.close()
      stalls.close()
    }
  }

  test("a client that reads late gets everything, in order") {
    serve() { (running, port) =>
      val (late, _) = running.connect(port, "late", receiveBuffer = 4096)
      val padding = "x" * 65536
      for (n <- 1 to 120) running.server ! SendToClients(s"""{"n":$n,"x":"$padding"}""")
      for (n <- 1 to 120) assert(late.receive().contains(s"""{"n":$n,"x":"$padding"}"""))
      late.close()
    }
  }

  test("Stop ends each connection in order, and the port is free again at once") {
    val first = new Running(0, DefaultWriteLimit)
    val port = first.listening()
    val (peer, _) = first.connect(port, "peer")
    first.stop()
    assert(peer.receive().isEmpty)
    val second = new Running(port, DefaultWriteLimit)
    assert(second.listening() == port)
    second.stop()
    peer.close()
  }

  test("a port that is taken ends the server") {
    serve() { (_, port) =>
      val late = new Running(port, DefaultWriteLimit)
      late.handler.watch(late.server)
      late.handler.expectTerminated(late.server, 10.seconds)
    }
  }

  test("an address is written the way it is typed") {
    assert(text(new InetSocketAddress("127.0.0.1", 8000)) == "127.0.0.1:8000")
    assert(text(new InetSocketAddress("::1", 8000)) == "[0:0:0:0:0:0:0:1]:8000")
  }
}
