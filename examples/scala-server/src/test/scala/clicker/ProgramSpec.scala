package clicker

import java.util.concurrent.TimeUnit.SECONDS

import org.scalatest.concurrent.TimeLimits
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}
import socketserver.Peer

/** The programs as they are started: each in a process of its own. */
class ProgramSpec extends AnyFunSuite with TimeLimits {

  private final class Program(main: String, port: Int) {
    private val java = s"${System.getProperty("java.home")}/bin/java"
    private val classPath = System.getProperty("java.class.path")
    val process: Process =
      new ProcessBuilder(java, "-cp", classPath, main, "--host", "127.0.0.1", "--port", port.toString)
        .redirectErrorStream(true)
        .start()
    private val output = process.inputReader()

    /** The next line of output that holds `text`. */
    def line(text: String): String = failAfter(Span(30, Seconds)) {
      Iterator.continually(output.readLine()).takeWhile(_ != null).find(_.contains(text)).getOrElse(fail(s"no $text"))
    }

    /** What remains of the output, after the end. */
    def rest(): String = Iterator.continually(output.readLine()).takeWhile(_ != null).mkString("\n")

    val listensAt: Int = line("listening on 127.0.0.1:").split(':').last.toInt
  }

  private def running(main: String, port: Int = 0)(body: Program => Unit): Unit = {
    val program = new Program(main, port)
    try body(program)
    finally { program.process.destroyForcibly().waitFor(): Unit }
  }

  private def message(user: String, action: String, rest: String = ""): String =
    s"""{"username":"$user","action":"$action"$rest}"""

  test("a user joins, clicks, buys, leaves, and finds everything again") {
    running("clicker.Main") { program =>
      val bridge = new Peer(program.listensAt)
      bridge.send(message("ada", "connected") + "~")
      // A list of players may come before it, which goes out once a second.
      bridge.receiveUntil("""{"username":"ada","action":"gameState","gold":0,""")
      bridge.send((message("ada", "clickGold") + "~") * 12 + message("ada", "buy", ""","data":"shovel"""") + "~")
      bridge.receiveUntil(""""gold":12,""")
      bridge.receiveUntil(""""gold":2,"goldPerClick":2,""")
      assert(bridge.receiveUntil("players") == """{"action":"players","online":1,"players":[{"name":"ada","gold":2}]}""")
      bridge.send(message("ada", "disconnected") + "~")
      bridge.receiveUntil(""""online":0""")
      bridge.send(message("ada", "connected") + "~")
      bridge.receiveUntil(""""gold":2,"goldPerClick":2,""")
      bridge.close()
    }
  }

  test("strangers and bad messages break nothing, and an echo comes back as it was") {
    running("clicker.Main") { program =>
      val bridge = new Peer(program.listensAt)
      bridge.send("junk~{}~~[~\u0000~" + message("nobody", "disconnected") + "~")
      bridge.send(message("stranger", "clickGold") + "~")
      bridge.receiveUntil("""{"username":"stranger","action":"gameState","gold":1,""")
      bridge.send(message("stranger", "fly") + "~")
      bridge.receiveUntil("""{"username":"stranger","action":"refused","reason":"there is no action 'fly'"}""")
      val echo = message("zoë", "echo", ",\"data\":[\"\\u007e 𝄞\",1.50,null]")
      bridge.send(echo + "~")
      assert(bridge.receiveUntil("echo") == echo)
      assert(program.line("dropped a message").contains("junk"))
      bridge.close()
    }
  }

  test("the users of a bridge that is gone are away, but not those who are also at another") {
    running("clicker.Main") { program =>
      val one = new Peer(program.listensAt)
      val two = new Peer(program.listensAt)
      one.send(message("ada", "clickGold") + "~" + message("bob", "connected") + "~") // ada: a stranger
      two.send(message("bob", "connected") + "~")
      two.receiveUntil(""""online":2""")
      one.close()
      assert(two.receiveUntil(""""online":1""").contains("bob"))
      two.close()
    }
  }

  test("a numbered message counts once, on whichever connection it comes, and is confirmed each time") {
    running("clicker.Main") { program =>
      def click(seq: Int) = message("ada", "clickGold", s""","seq":$seq""") + "~"
      val one = new Peer(program.listensAt)
      one.send("""{"action":"hello","epoch":"e1"}~""" + click(1) + click(2) + "{\"seq\":3}~")
      one.receiveUntil(""""gold":2,""")
      one.receiveUntil("""{"confirm":3}""")
      one.reset()
      val two = new Peer(program.listensAt)
      two.send("""{"action":"hello","epoch":"e1"}~""")
      assert(two.receiveUntil("confirm") == """{"confirm":3}""")
      two.send(click(2) + click(3) + click(4))
      two.receiveUntil(""""gold":3,""")
      two.receiveUntil("""{"confirm":4}""")
      two.send("""{"action":"hello","epoch":"e2"}~""" + click(1))
      two.receiveUntil(""""gold":4,""")
      two.receiveUntil("""{"confirm":1}""")
      two.close()
    }
  }

  test("who asks is answered, and nobody else") {
    running("clicker.Main") { program =>
      val bridge = new Peer(program.listensAt)
      val other = new Peer(program.listensAt)
      other.send(message("bob", "connected") + "~")
      other.receiveUntil("gameState")
      bridge.send(message("ada", "clickGold", ""","reply_to":"r1"""") + "~")
      bridge.receiveUntil("""{"reply_to":"r1","gold":1}""")
      bridge.send(message("ada", "buy", ""","data":"shovel","reply_to":"r2"""") + "~")
      val refused = bridge.receiveUntil("r2")
      assert(refused == """{"reply_to":"r2","gold":1,"refused":"Shovel costs 10 gold, you have 1"}""")
      val echo = message("ada", "echo", ""","data":1,"reply_to":"r3"""")
      bridge.send(echo + "~")
      assert(bridge.receiveUntil("r3") == echo)
      bridge.send(message("ada", "fly", "") + "~")
      assert(bridge.receiveUntil("refused").contains("fly"))
      val seen = Iterator.continually(other.receive()).takeWhile(!_.exists(_.contains("fly"))).flatten
      assert(!seen.exists(_.contains("reply_to")))
      bridge.close()
      other.close()
    }
  }

  test("SIGTERM ends it quickly and every connection in order; the next one has the port at once") {
    running("clicker.Main") { first =>
      val bridge = new Peer(first.listensAt)
      bridge.send(message("ada", "connected") + "~")
      bridge.receiveUntil("gameState")
      first.process.toHandle.destroy() // Process.destroy would close the output, too
      while (bridge.receive().nonEmpty) {}
      assert(first.process.waitFor(10, SECONDS))
      assert(first.process.exitValue == 143)
      assert(!first.rest().contains("ERROR"))
      running("clicker.Main", first.listensAt)(second => assert(second.listensAt == first.listensAt))
      bridge.close()
    }
  }

  test("a port that is taken ends the program with 1, a bad option with 2") {
    running("clicker.Main") { first =>
      def exit(options: String*) = {
        val command = Seq("java", "-cp", System.getProperty("java.class.path"), "clicker.Main") ++ options
        val process = new ProcessBuilder(command: _*).redirectErrorStream(true).start()
        val output = new String(process.getInputStream.readAllBytes())
        (process.waitFor(), output)
      }
      val (taken, said) = exit("--port", first.listensAt.toString, "--host", "127.0.0.1")
      assert(taken == 1 && said.contains(s"can't listen on 127.0.0.1:${first.listensAt}"))
      assert(exit("--port", "x")._1 == 2)
      assert(exit("--delimiter", ",")._1 == 2)
      assert(exit("--help") == (0, Options.usage + "\n"))
    }
  }

  test("without a delimiter one message a read works, and two sends in one read are lost") {
    running("clicker.MainWithoutDelimiter") { program =>
      val bridge = new Peer(program.listensAt)
      bridge.send(message("ada", "connected"))
      assert(program.line("a read").contains("one message in one read"))
      bridge.send(message("ada", "clickGold") * 2)
      assert(program.line("a read").contains("2 messages in one read"))
      assert(program.line("dropped a message").contains("not JSON"))
      bridge.send("""{"username":"ada","action":"ec""")
      assert(program.line("a read").contains("a piece of a message"))
      bridge.send(message("ada", "echo", ""","end":"~""""))
      val received = bridge.receive().get
      assert(received.contains(""""gold":0,""") && !received.contains(""""gold":1,"""))
      bridge.close()
    }
  }
}
