package clicker

import org.scalatest.funsuite.AnyFunSuite

class SeenSpec extends AnyFunSuite {

  test("what is not greater than the last number of its epoch has been seen") {
    val seen = Seen().add("a", 3).add("b", 1)
    assert(seen.contains("a", 3) && seen.contains("a", 1) && !seen.contains("a", 4))
    assert(seen.contains("b", 1) && !seen.contains("b", 2) && !seen.contains("c", 1))
    assert(seen.last("a").contains(3L) && seen.last("c").isEmpty)
    assert(seen.add("a", 4).last("a").contains(4L))
  }

  test("epochs that nothing came of for long are forgotten") {
    val seen = (1 to 50).foldLeft(Seen().add("busy", 1))((seen, n) => seen.add(s"e$n", 1).add("busy", n.toLong))
    assert(seen.epochs.size == Seen.MaximumEpochs)
    assert(seen.last("busy").contains(50L) && seen.last("e50").nonEmpty && seen.last("e1").isEmpty)
  }
}
