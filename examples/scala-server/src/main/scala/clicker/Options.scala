package clicker

import java.net.InetSocketAddress

import scala.util.Try

/** Where to listen, and what ends a message.
  *
  * @param port 0: any free one, which is then printed
  */
final case class Options(host: String = "localhost", port: Int = 8000, delimiter: String = "~") {

  /** The name is looked up here; see `isUnresolved`. */
  def address: InetSocketAddress = new InetSocketAddress(host, port)
}

object Options {

  val usage: String =
    """--host HOST        where to listen (default localhost; 0.0.0.0 for the whole network)
      |--port PORT        default 8000; 0 takes any free one
      |--delimiter TEXT   what ends a message (default ~; \n, \t, \\ and the like are understood)
      |
      |Or in the environment: CLICKER_HOST, CLICKER_PORT, CLICKER_DELIMITER.""".stripMargin

  /** The options, or what is wrong with them. Arguments win over the environment. */
  def parse(args: Seq[String], env: Map[String, String]): Either[String, Options] = {
    val fromEnv = Seq("host", "port", "delimiter").flatMap { name =>
      env.get("CLICKER_" + name.toUpperCase).map(value => Seq("--" + name, value))
    }
    (fromEnv ++ args.grouped(2)).foldLeft[Either[String, Options]](Right(Options())) { (options, argument) =>
      options.flatMap(set(_, argument))
    }
  }

  private def set(options: Options, argument: Seq[String]): Either[String, Options] = argument match {
    case Seq("--host", host)      => Right(options.copy(host = host))
    case Seq("--port", port)      => parsePort(port).map(number => options.copy(port = number))
    case Seq("--delimiter", text) => unescape(text).map(delimiter => options.copy(delimiter = delimiter))
    case other                    => Left(s"what is '${other.mkString(" ")}'?")
  }

  private def parsePort(text: String): Either[String, Int] =
    text.toIntOption.filter(port => port >= 0 && port <= 65535).toRight(s"'$text' is no port: 0 to 65535")

  private def unescape(text: String): Either[String, String] =
    Try(StringContext.processEscapes(text)).toOption.filter(_.nonEmpty).toRight(s"'$text' is no delimiter")
}
