package socketserver

import org.apache.pekko.util.ByteString
import org.scalatest.funsuite.AnyFunSuite

class NoFramingSpec extends AnyFunSuite {

  test("a read is taken for a message, whatever it holds") {
    val framing = new NoFraming
    assert(framing.feed(ByteString("{}{}")) == Vector(ByteString("{}{}")))
    assert(framing.feed(ByteString("{\"a")) == Vector(ByteString("{\"a")))
    assert(framing.frame("{}") == ByteString("{}"))
  }

  test("what went wrong in a read is said in words") {
    def verdict(read: String) = NoFraming.describe(read).split(": ").head
    assert(verdict("""{"a":{"b":"}{"}}""") == "16 characters, one message in one read")
    assert(verdict("""{"a":"\"{"}{}""") == "13 characters, 2 messages in one read")
    assert(verdict("""{"a":"x""") == "7 characters, a piece of a message")
    assert(verdict("""{}{"a":""") == "7 characters, 1 whole and a piece in one read")
  }
}
