package socketserver

import java.net.InetSocketAddress

import org.apache.pekko.actor.{Actor, ActorLogging, ActorRef, CoordinatedShutdown, Props}
import org.apache.pekko.io.{IO, Tcp}
import org.apache.pekko.util.ByteString

/** A TCP server that passes messages between its clients and one other actor.
  *
  * It knows nothing of what the messages mean. Its clients are TCP clients: the
  * bridge is one, a test another, `nc` a third. What it uses is described at
  * `org.apache.pekko.io.Tcp`; the messages of its own are in the companion.
  *
  * Reads are not held back: the actor behind it must be faster than they come.
  */
final class SocketServer(
    address: InetSocketAddress,
    newFraming: (ByteString => Unit) => Framing,
    handler: ActorRef,
    writeLimit: Int
) extends Actor
    with ActorLogging {
  import SocketServer._
  import Tcp._

  private final class Client(val name: String, val framing: Framing) {
    val toWrite = new WriteBuffer(writeLimit)
  }

  private var clients = Map.empty[ActorRef, Client] // by Pekko's actor of the connection
  private var listener = Option.empty[ActorRef]
  private val outgoing = newFraming(_ => ())

  override def preStart(): Unit = {
    // ReuseAddress: otherwise a restarted server can't have its port back for a
    // minute, while the kernel remembers the connections of the one before.
    IO(Tcp)(context.system) ! Bind(self, address, options = List(SO.ReuseAddress(true)))
    CoordinatedShutdown(context.system)
      .addActorTerminationTask(CoordinatedShutdown.PhaseServiceUnbind, "close-clients", self, Some(Stop))
  }

  override def receive: Receive = {
    case Bound(local) =>
      listener = Some(sender())
      handler ! Listening(local)
    case failed @ CommandFailed(_: Bind) =>
      log.error("can't listen on {}: {}", text(address), failed.cause.fold("no reason given")(_.getMessage))
      context.stop(self)

    case Connected(remote, _) => welcome(sender(), text(remote))
    case Received(data)       => received(sender(), data)
    case PeerClosed           => forget(sender(), "it closed the connection")
    case closed: ConnectionClosed => // ErrorClosed, Aborted, Closed, …
      forget(sender(), if (closed.isErrorClosed) closed.getErrorCause else closed.toString)

    case SendToClients(message)        => sendToAll(outgoing.frame(message))
    case SendToClient(client, message) => clients.get(client).foreach(send(client, _, outgoing.frame(message)))
    case Written                       => clients.get(sender()).foreach(written(sender(), _))
    case CommandFailed(_: Write)       => drop(sender(), "a write was refused")

    case Stop => stop()
  }

  private def welcome(connection: ActorRef, name: String): Unit = {
    val framing = newFraming { head =>
      log.warning("{}: skipped a frame over the limit, which starts {}", name, shorten(head.utf8String))
    }
    clients += connection -> new Client(name, framing)
    connection ! Register(self)
    log.info("{} connected", name)
  }

  private def received(connection: ActorRef, data: ByteString): Unit =
    for {
      client <- clients.get(connection)
      frame <- client.framing.feed(data)
    } handler ! FromClient(connection, frame.utf8String)

  private def sendToAll(frame: ByteString): Unit =
    clients.foreach { case (connection, client) => send(connection, client, frame) }

  private def send(connection: ActorRef, client: Client, frame: ByteString): Unit =
    if (client.toWrite.add(frame)) writeNext(connection, client)
    else drop(connection, s"it is $writeLimit bytes behind")

  private def written(connection: ActorRef, client: Client): Unit = {
    client.toWrite.written()
    writeNext(connection, client)
  }

  private def writeNext(connection: ActorRef, client: Client): Unit =
    client.toWrite.next().foreach(data => connection ! Write(data, Written))

  /** Leaving out messages instead would be worse: the client would go on with a
    * state that is wrong, and nothing would tell it.
    */
  private def drop(connection: ActorRef, reason: String): Unit = {
    connection ! Abort
    forget(connection, s"dropped: $reason")
  }

  /** May come twice for one client: by `drop`, and by the event that it causes. */
  private def forget(connection: ActorRef, reason: String): Unit =
    clients.get(connection).foreach { client =>
      clients -= connection
      log.info("{} is gone: {}", client.name, reason)
      if (client.framing.unfinished > 0)
        log.warning("{} left {} bytes of an unfinished frame", client.name, client.framing.unfinished)
      handler ! ClientGone(connection)
    }

  /** `Close` lets a write that is under way end first. */
  private def stop(): Unit = {
    listener.foreach(_ ! Unbind)
    clients.keys.foreach(_ ! Close)
    context.become(stopping)
    stopWhenDone()
  }

  private def stopping: Receive = {
    case Connected(_, _) => sender() ! Abort
    case Unbound =>
      listener = None
      stopWhenDone()
    case closed: ConnectionClosed =>
      forget(sender(), closed.toString)
      stopWhenDone()
    case _ => // too late
  }

  private def stopWhenDone(): Unit = if (clients.isEmpty && listener.isEmpty) context.stop(self)
}

object SocketServer {

  /** To the handler: connections are accepted now; `address` has the real port. */
  final case class Listening(address: InetSocketAddress)

  /** To the handler: `client` sent `message`. Bytes that are no UTF-8 have become U+FFFD. */
  final case class FromClient(client: ActorRef, message: String)

  /** To the handler: nothing more comes from `client`. */
  final case class ClientGone(client: ActorRef)

  /** To the server: send `message`, which is compact JSON, to each connected client. */
  final case class SendToClients(message: String)

  /** To the server: send `message` to this client, if it is still there. */
  final case class SendToClient(client: ActorRef, message: String)

  /** To the server: close everything, then stop. */
  case object Stop

  private case object Written extends Tcp.Event

  /** 8 MiB. A burst of the game for ten thousand users is 2.5 MB, and acknowledgements
    * stand behind it in the mailbox; a client that is further behind does not read.
    */
  val DefaultWriteLimit: Int = 8 << 20

  /** @param address port 0: any free one
    * @param newFraming makes the framing of one connection; its argument is to be
    *   called with the first bytes of a frame that was over the limit
    * @param handler gets [[Listening]], [[FromClient]] and [[ClientGone]]
    * @param writeLimit bytes that may wait for one client before it is dropped
    */
  def props(
      address: InetSocketAddress,
      newFraming: (ByteString => Unit) => Framing,
      handler: ActorRef,
      writeLimit: Int = DefaultWriteLimit
  ): Props = Props(new SocketServer(address, newFraming, handler, writeLimit))

  /** `127.0.0.1:8000`, `[::1]:8000`. */
  def text(address: InetSocketAddress): String = {
    val host = address.getHostString
    (if (host.contains(':')) s"[$host]" else host) + s":${address.getPort}"
  }

  /** For logs: 75 characters are enough to recognise a message. */
  def shorten(text: String): String = if (text.length <= 75) text else text.take(74) + "…"
}
