package socketserver

import org.apache.pekko.util.ByteString
import org.scalatest.funsuite.AnyFunSuite

class WriteBufferSpec extends AnyFunSuite {

  test("one write is under way at a time, and the next one takes all that has gathered, in order") {
    val buffer = new WriteBuffer(100)
    assert(buffer.next().isEmpty)
    assert(buffer.add(ByteString("one")))
    assert(buffer.next().contains(ByteString("one")))
    assert(buffer.add(ByteString("two")) && buffer.add(ByteString("three")))
    assert(buffer.next().isEmpty)
    buffer.written()
    assert(buffer.next().contains(ByteString("twothree")))
    buffer.written()
    assert(buffer.next().isEmpty)
  }

  test("the limit is over what waits and what is under way, and inclusive") {
    val buffer = new WriteBuffer(10)
    assert(buffer.add(ByteString("12345")))
    buffer.next()
    assert(buffer.add(ByteString("67890")))
    assert(!buffer.add(ByteString("x")))
    buffer.written()
    assert(buffer.add(ByteString("abcde")))
    assert(buffer.next().contains(ByteString("67890abcde")))
  }
}
