package socketserver

import java.nio.charset.StandardCharsets.UTF_8

import scala.util.Random

import org.apache.pekko.util.ByteString
import org.scalatest.funsuite.AnyFunSuite

class DelimiterFramingSpec extends AnyFunSuite {

  /** All ways to cut `bytes`: a bit for each gap says whether there is a cut. */
  private def everyChunking(bytes: ByteString): Iterator[Seq[ByteString]] =
    Iterator.range(0, 1 << (bytes.length - 1)).map { cuts =>
      val ends = (1 until bytes.length).filter(gap => (cuts & (1 << (gap - 1))) != 0) :+ bytes.length
      (0 +: ends).zip(ends).map { case (from, until) => bytes.slice(from, until) }
    }

  private def randomChunks(bytes: ByteString, largest: Int, random: Random): Iterator[ByteString] =
    Iterator.unfold(bytes)(rest => Option.when(rest.nonEmpty)(rest.splitAt(1 + random.nextInt(largest))))

  private def texts(framing: Framing, chunks: IterableOnce[ByteString]): Vector[String] =
    chunks.iterator.flatMap(framing.feed).map(_.utf8String).toVector

  test("every way to cut a stream gives the same frames, with characters of one to four bytes cut in two") {
    for (chunks <- everyChunking(ByteString("a~é€~𝄞~~z~é")))
      assert(texts(new DelimiterFraming(ByteString("~")), chunks) == Vector("a", "é€", "𝄞", "", "z"))
  }

  test("every way to cut a stream gives the same frames, with a delimiter of several bytes that resembles the text") {
    for (chunks <- everyChunking(ByteString("a|b||~c|||~d|~|")))
      assert(texts(new DelimiterFraming(ByteString("||~")), chunks) == Vector("a|b", "c|"))
  }

  test("every way to cut a stream skips the same frame over the limit, and reports it once") {
    for (chunks <- everyChunking(ByteString("ab~abc~é~abcd~x~"))) {
      var skipped = 0
      val framing = new DelimiterFraming(ByteString("~"), 2, _ => skipped += 1)
      assert(texts(framing, chunks) == Vector("ab", "é", "x"))
      assert(skipped == 2)
      assert(framing.unfinished == 0)
    }
  }

  test("every way to cut a stream keeps a frame at the limit, when its delimiter of several bytes is cut, too") {
    for (chunks <- everyChunking(ByteString("a|b||~abcd||~c|||~")))
      assert(texts(new DelimiterFraming(ByteString("||~"), 3), chunks) == Vector("a|b", "c|"))
  }

  test("random streams in random chunks give what splitting the whole text gives") {
    val random = new Random(1)
    for (delimiter <- Seq("~", "\n", "||", "END\r\n"); largest <- Seq(1, 7, 300, 20000)) {
      val expected = Vector.fill(200)("é€𝄞|EN\rx\"" * random.nextInt(60) + random.nextInt()).map(_.replace(delimiter, ""))
      val stream = ByteString(expected.map(_ + delimiter).mkString)
      assert(texts(new DelimiterFraming(ByteString(delimiter)), randomChunks(stream, largest, random)) == expected)
    }
  }

  test("the limit is inclusive, counts bytes, and does not count the delimiter") {
    var heads = Vector.empty[String]
    val framing = new DelimiterFraming(ByteString("END\r\n"), 100, head => heads :+= head.utf8String)
    val atLimit = "é" * 50
    assert(framing.feed(ByteString(atLimit + "END\r\n")).map(_.utf8String) == Vector(atLimit))
    assert(framing.feed(ByteString("y" + atLimit + "END\r\nnextEND\r\n")).map(_.utf8String) == Vector("next"))
    assert(heads.map(_.take(2)) == Vector("yé"))
  }

  test("a stream without any delimiter is not kept") {
    var skipped = 0
    val framing = new DelimiterFraming(ByteString("~"), 1000, _ => skipped += 1)
    val chunk = ByteString("x" * 700)
    for (_ <- 1 to 1000) {
      assert(framing.feed(chunk).isEmpty)
      assert(framing.unfinished <= 1000)
    }
    assert(skipped == 1)
    assert(framing.feed(ByteString("~ok~")).map(_.utf8String) == Vector("ok"))
  }

  test("an unfinished frame is counted") {
    val framing = new DelimiterFraming(ByteString("~"))
    framing.feed(ByteString("one~tw"))
    assert(framing.unfinished == 2)
  }

  test("a frame is not changed by what comes after it") {
    val framing = new DelimiterFraming(ByteString("~"))
    val first = framing.feed(ByteString("first~"))
    for (_ <- 1 to 10000) framing.feed(ByteString("xxxxx~"))
    assert(first.map(_.utf8String) == Vector("first"))
  }

  test("a frame of 1 MiB in chunks of one byte takes no quadratic time") {
    val framing = new DelimiterFraming(ByteString("~"))
    val byte = ByteString("x")
    for (_ <- 1 to (1 << 20)) assert(framing.feed(byte).isEmpty)
    assert(framing.feed(ByteString("~")).map(_.length) == Vector(1 << 20))
  }

  test("a delimiter inside a JSON string is escaped, so one frame stays one, and means the same") {
    for (delimiter <- Seq("~", "|", "~~", "END\r\n", "a*b")) {
      val text = s"x$delimiter y ~|*\" \\ 𝄞"
      val framing = new DelimiterFraming(ByteString(delimiter))
      val frames = framing.feed(framing.frame(ujson.write(ujson.Obj(text -> text))))
      assert(frames.map(frame => ujson.read(frame.utf8String)) == Vector(ujson.Obj(text -> text)))
    }
    val framing = new DelimiterFraming(ByteString("~"))
    assert(framing.frame("""{"a":"~"}""") == ByteString("{\"a\":\"\\u007e\"}~".getBytes(UTF_8)))
  }

  test("a delimiter that JSON can't do without is refused") {
    for (delimiter <- Seq("", ",", "}{", "abc", "\\", "-", " ", "é", "//")) {
      intercept[IllegalArgumentException](new DelimiterFraming(ByteString(delimiter)))
    }
  }

  test("a limit that is no limit is refused") {
    for (limit <- Seq(0, -1, Int.MaxValue))
      intercept[IllegalArgumentException](new DelimiterFraming(ByteString("~"), limit))
  }
}
