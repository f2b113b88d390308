package socketserver

import org.apache.pekko.util.ByteString

/** What one connection has still to be sent. No I/O in here.
  *
  * Pekko accepts only as many writes as the kernel takes, so one is under way at
  * a time; the next one, with all that has gathered, goes out when Pekko has
  * acknowledged it. See "Throttling Reads and Writes" in Pekko's manual of TCP.
  *
  * @param limit in bytes, over what waits and what is under way
  */
final class WriteBuffer(limit: Int) {
  private var waiting = ByteString.empty
  private var underWay = 0

  /** Puts `frame` behind what waits. False, and nothing done, over the limit. */
  def add(frame: ByteString): Boolean = {
    val fits = frame.length <= limit - waiting.length - underWay
    if (fits) waiting ++= frame
    fits
  }

  /** What to write now, if anything: all that waits, unless a write is under way. */
  def next(): Option[ByteString] =
    Option.when(underWay == 0 && waiting.nonEmpty) {
      val data = waiting
      waiting = ByteString.empty
      underWay = data.length
      data
    }

  /** The write under way has been acknowledged. */
  def written(): Unit = underWay = 0
}
