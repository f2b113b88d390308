package socketserver

import org.apache.pekko.util.ByteString

/** Frames that each end with a delimiter, such as `~`.
  *
  * Keeps to the rules of `Framing.delimiter` in Pekko Streams: the limit is
  * inclusive and does not count the delimiter, and a search goes on where the
  * last one stopped. One thing differs: a frame over the limit does not end the
  * connection, it is skipped up to its delimiter and what follows is read on.
  *
  * Takes time linear in the bytes fed, however they were cut: each byte is
  * copied into one array, looked at there, and copied once more with its frame.
  * Appending `ByteString`s to each other would look simpler, but a search in the
  * result has to walk all the pieces again after each read.
  *
  * {{{
  * val framing = new DelimiterFraming(ByteString("~"))
  * framing.feed(ByteString("one~tw")) // Vector(ByteString("one"))
  * framing.feed(ByteString("o~"))     // Vector(ByteString("two"))
  * framing.frame("""{"a":"~"}""")     // ByteString("""{"a":"\u007e"}~""")
  * }}}
  *
  * @param delimiter what ends a frame; needs an [[DelimiterFraming.escapable]] byte
  * @param maximumFrameLength in bytes, from 1 to 256 MiB
  * @param onOverlong is given the first bytes of each frame that is skipped
  */
final class DelimiterFraming(
    delimiter: ByteString,
    maximumFrameLength: Int = DelimiterFraming.DefaultMaximumFrameLength,
    onOverlong: ByteString => Unit = _ => ()
) extends Framing {
  import DelimiterFraming._

  require(
    maximumFrameLength >= 1 && maximumFrameLength <= (256 << 20),
    s"maximumFrameLength $maximumFrameLength is not from 1 to 256 MiB"
  )

  private val escaped: Char = escapable(delimiter).getOrElse(
    throw new IllegalArgumentException(
      s"the delimiter '${delimiter.utf8String}' has no character that JSON can do without; '~' would do"
    )
  )
  private val escape = f"\\u${escaped.toInt}%04x"
  private val mark = delimiter.toArray

  // buffer(start until end) is the unfinished frame. No delimiter begins in
  // buffer(start until searched).
  private var buffer = new Array[Byte](SmallestBuffer)
  private var start = 0
  private var searched = 0
  private var end = 0
  private var skipping = false

  override def feed(bytes: ByteString): Vector[ByteString] = {
    append(bytes)
    val frames = Vector.newBuilder[ByteString]
    while (findDelimiter()) {
      val length = searched - start
      if (!skipping && length > maximumFrameLength) onOverlong(head)
      if (!skipping && length <= maximumFrameLength) frames += ByteString.fromArray(buffer, start, length)
      skipping = false
      start = searched + mark.length
      searched = start
    }
    skipWhatIsTooLong()
    frames.result()
  }

  override def unfinished: Int = end - start

  /** The escape keeps the delimiter out of the frame: outside of its strings,
    * JSON has no use for that character, and inside of them `\u007e` means `~`.
    */
  override def frame(json: String): ByteString =
    ByteString(json.replace(escaped.toString, escape)) ++ delimiter

  /** Moves `searched` to the next delimiter, or else to the first place where one
    * could begin once more bytes have come.
    */
  private def findDelimiter(): Boolean = {
    val last = end - mark.length
    while (searched <= last && !delimiterAt(searched)) searched += 1
    searched <= last
  }

  private def delimiterAt(index: Int): Boolean = {
    var i = 0
    while (i < mark.length && buffer(index + i) == mark(i)) i += 1
    i == mark.length
  }

  /** Without this, a peer that never sends a delimiter would fill the memory. */
  private def skipWhatIsTooLong(): Unit = {
    val tooLong = searched - start > maximumFrameLength
    if (tooLong && !skipping) onOverlong(head)
    skipping = skipping || tooLong
    if (skipping) start = searched
  }

  private def head: ByteString =
    ByteString.fromArray(buffer, start, math.min(HeadLength, searched - start))

  private def append(bytes: ByteString): Unit = {
    if (end + bytes.length > buffer.length) makeRoom(unfinished + bytes.length)
    bytes.copyToArray(buffer, end, bytes.length)
    end += bytes.length
  }

  /** Moves the unfinished frame to the front of a buffer at least twice as large as
    * `needed`: as many bytes have to come before the next move, so all the moves
    * together stay linear. A buffer that once held a huge frame is let go.
    */
  private def makeRoom(needed: Int): Unit = {
    val size = math.max(SmallestBuffer, 2 * needed)
    val fits = buffer.length >= size && buffer.length <= 16 * size.toLong
    val target = if (fits) buffer else new Array[Byte](size)
    System.arraycopy(buffer, start, target, 0, unfinished)
    searched -= start
    end -= start
    start = 0
    buffer = target
  }
}

object DelimiterFraming {

  /** 1 MiB, as the bridge allows by default. */
  val DefaultMaximumFrameLength: Int = 1 << 20

  private val SmallestBuffer = 4096
  private val HeadLength = 32

  // What JSON uses outside of its strings; and '/', which may stand after a
  // backslash in a string, where an escape would change the meaning.
  private val neededByJson = "\"\\{}[]:,+-./"

  /** The first character of `delimiter` that JSON needs only inside strings, where
    * it can be written as `\u00XX`: a control character or punctuation.
    */
  def escapable(delimiter: ByteString): Option[Char] =
    delimiter.iterator.map(_.toChar).find { c =>
      c <= 0x7f && c != ' ' && !c.isLetterOrDigit && !neededByJson.contains(c)
    }
}
