package clicker

import scala.concurrent.Await
import scala.concurrent.duration.Duration

import org.apache.pekko.actor.ActorSystem
import org.apache.pekko.util.ByteString
import socketserver.{DelimiterFraming, Framing, SocketServer}

/** The clicker game over TCP, each message ended by a delimiter. */
object Main {

  def main(args: Array[String]): Unit = {
    val options = Launcher.options(args)
    val delimiter = ByteString(options.delimiter)
    if (DelimiterFraming.escapable(delimiter).isEmpty)
      Launcher.fail("the delimiter needs a character that JSON can do without, such as ~ or |")
    Launcher.run(options, onOverlong => new DelimiterFraming(delimiter, onOverlong = onOverlong))
  }
}

/** What the two programs here have in common. */
private object Launcher {

  def options(args: Array[String]): Options = {
    if (args.contains("--help")) {
      println(Options.usage)
      sys.exit(0)
    }
    Options.parse(args.toSeq, sys.env).fold(problem => fail(s"$problem\n\n${Options.usage}"), identity)
  }

  /** Ends the process with 2: it was started the wrong way. */
  def fail(problem: String): Nothing = {
    Console.err.println(problem)
    sys.exit(2)
  }

  /** Serves until the process is told to end. On SIGTERM and Ctrl-C Pekko closes the
    * connections and ends the actors (`CoordinatedShutdown`), and the JVM exits with
    * 143 or 130. To come back from here is a failure, which is in the log: 1.
    */
  def run(options: Options, newFraming: (ByteString => Unit) => Framing): Unit = {
    if (options.address.isUnresolved) fail(s"there is no host '${options.host}'")
    val system = ActorSystem("clicker")
    system.actorOf(GameActor.props(SocketServer.props(options.address, newFraming, _)), "game")
    Await.result(system.whenTerminated, Duration.Inf)
    sys.exit(1)
  }
}
