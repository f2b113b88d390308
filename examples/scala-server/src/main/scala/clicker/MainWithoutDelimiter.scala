package clicker

import socketserver.NoFraming

/** The same server, game and all, but nothing on the wire tells where a message
  * ends. It prints what each read held, so that one can watch it go wrong.
  *
  * The lesson: two sends in one read. A page that emits one event a second is
  * served well; click fast, or let two pages click, and the bridge's sends come to
  * lie in one read. Together they are no JSON and both are lost. Waiting between
  * sends makes this rarer and never impossible: it is the reader's pace that
  * decides, and a reader may be late. The other way is no better: the server's
  * own writes merge too, and only a bridge that finds the ends of JSON values by
  * itself (`--framing-in json`) still understands them.
  */
object MainWithoutDelimiter {

  def main(args: Array[String]): Unit = {
    println("no delimiter: what one read brings is taken for one message")
    Launcher.run(Launcher.options(args), _ => new NoFraming(read => println(s"a read: $read")))
  }
}
