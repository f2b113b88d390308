package socketserver

import java.io.{BufferedInputStream, ByteArrayOutputStream}
import java.net.{InetAddress, InetSocketAddress, Socket}
import java.nio.charset.StandardCharsets.UTF_8

/** A plain TCP client for tests; frames end with `~`. Reads wait 20 s at most. */
final class Peer(port: Int, receiveBuffer: Int = 0) extends AutoCloseable {
  private val socket = new Socket
  if (receiveBuffer > 0) socket.setReceiveBufferSize(receiveBuffer)
  socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress, port), 5000)
  socket.setSoTimeout(20000)
  socket.setTcpNoDelay(true)
  private val in = new BufferedInputStream(socket.getInputStream)

  def send(text: String): Unit = send(text.getBytes(UTF_8))
  def send(bytes: Array[Byte]): Unit = socket.getOutputStream.write(bytes)

  /** The next frame; None at the end of the stream. */
  def receive(): Option[String] = {
    val frame = new ByteArrayOutputStream
    var byte = in.read()
    while (byte >= 0 && byte != '~') { frame.write(byte); byte = in.read() }
    Option.when(byte >= 0)(frame.toString(UTF_8))
  }

  /** Skips frames up to the first one that holds `text`, for 20 s at most. */
  def receiveUntil(text: String): String = {
    val until = System.nanoTime + 20_000_000_000L
    val frames = Iterator.continually(receive()).takeWhile(_.nonEmpty && System.nanoTime < until).flatten
    frames.find(_.contains(text)).getOrElse(throw new AssertionError(s"no $text came"))
  }

  /** Closes with a reset instead of an end. */
  def reset(): Unit = {
    socket.setSoLinger(true, 0)
    socket.close()
  }

  override def close(): Unit = socket.close()
}
