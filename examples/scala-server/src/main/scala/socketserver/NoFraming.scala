package socketserver

import org.apache.pekko.util.ByteString

/** The mistake that nearly everyone makes first: what one read brings is taken
  * for one message, and a message is sent with nothing to end it.
  *
  * It works as long as messages are few and short, since each write then tends
  * to arrive as one read. It fails when two sends arrive in one read, and when
  * one send takes two. Nobody did anything wrong in between: TCP may do both at
  * any time, and does so as soon as the other side is busy for a moment.
  *
  * @param onRead is told what each read turned out to hold, see [[NoFraming.describe]]
  */
final class NoFraming(onRead: String => Unit = _ => ()) extends Framing {

  override def feed(bytes: ByteString): Vector[ByteString] = {
    onRead(NoFraming.describe(bytes.utf8String))
    Vector(bytes)
  }

  override def unfinished: Int = 0

  override def frame(json: String): ByteString = ByteString(json)
}

object NoFraming {

  /** What a read holds, in words. Only somebody who looks inside the JSON can tell:
    * this counts the objects that are closed, and whether one is left open.
    */
  def describe(read: String): String = {
    var depth, whole = 0
    var inString, afterBackslash = false
    read.foreach { c =>
      if (afterBackslash) afterBackslash = false
      else if (inString) { if (c == '\\') afterBackslash = true else if (c == '"') inString = false }
      else if (c == '"') inString = true
      else if (c == '{') depth += 1
      else if (c == '}') { depth -= 1; if (depth == 0) whole += 1 }
    }
    val verdict = (whole, depth == 0 && !inString) match {
      case (0, true)  => "no message at all"
      case (1, true)  => "one message in one read: as hoped"
      case (n, true)  => s"$n messages in one read: they are one text now, and no JSON"
      case (0, false) => "a piece of a message: the rest is in another read"
      case (n, false) => s"$n whole and a piece in one read: one text now, and no JSON"
    }
    s"${read.length} characters, $verdict"
  }
}
