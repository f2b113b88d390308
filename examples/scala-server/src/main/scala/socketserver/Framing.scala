package socketserver

import org.apache.pekko.util.ByteString

/** How one TCP connection's bytes become messages, and messages become bytes.
  *
  * TCP delivers bytes in order and nothing else. It keeps no trace of which
  * bytes were written together: one read may bring half a message, or three.
  * An instance holds what one connection has not finished yet, so each
  * connection needs its own.
  */
trait Framing {

  /** Takes what one read brought and returns the frames that it completed, in
    * order. Bytes, not text: a character may be cut in two by a read, never by
    * a frame, so decode UTF-8 a frame at a time.
    */
  def feed(bytes: ByteString): Vector[ByteString]

  /** How many bytes of an unfinished frame are held. */
  def unfinished: Int

  /** The bytes to send for `json`, which is compact JSON text: no line breaks
    * or spaces between its parts.
    */
  def frame(json: String): ByteString
}
