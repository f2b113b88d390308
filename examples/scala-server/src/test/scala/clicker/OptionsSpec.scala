package clicker

import org.scalatest.funsuite.AnyFunSuite

class OptionsSpec extends AnyFunSuite {

  test("nothing given means localhost, 8000 and ~") {
    assert(Options.parse(Nil, Map.empty) == Right(Options("localhost", 8000, "~")))
  }

  test("arguments win over the environment, which wins over the defaults") {
    val env = Map("CLICKER_HOST" -> "::1", "CLICKER_PORT" -> "1", "CLICKER_DELIMITER" -> "\\n")
    assert(Options.parse(Seq("--port", "0"), env) == Right(Options("::1", 0, "\n")))
  }

  test("what makes no sense is refused by name") {
    for (args <- Seq("--port x", "--port 65536", "--port -1", "--port", "--prt 8000", "--delimiter \\q")) {
      val words = args.split(' ').toSeq
      assert(Options.parse(words, Map.empty).left.exists(_.contains(words.last)), args)
    }
  }
}
