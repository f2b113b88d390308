package clicker

import org.scalatest.funsuite.AnyFunSuite

class GameSpec extends AnyFunSuite {

  private def rich(gold: Long): Game = Game(Map("ada" -> Player(gold)))

  private def bought(game: Game, equipment: String): Game =
    game.buy("ada", equipment).fold(reason => fail(reason), identity)

  test("a click brings one gold at first") {
    assert(Game().join("ada").click("ada").click("ada").player("ada").gold == 2)
  }

  test("a shovel makes each click worth more, and costs its price") {
    val game = bought(rich(25), "shovel")
    assert(game.player("ada").gold == 15)
    assert(game.click("ada").player("ada").gold == 17)
  }

  test("what one has not the gold for can't be bought, and changes nothing") {
    assert(rich(9).buy("ada", "shovel") == Left("Shovel costs 10 gold, you have 9"))
    assert(rich(10).buy("ada", "shovel").isRight)
  }

  test("what does not exist can't be bought") {
    assert(rich(1000).buy("ada", "spoon") == Left("there is no equipment 'spoon'"))
  }

  test("prices rise by a factor with each piece, rounded up") {
    val shovel = Equipment.find("shovel").get
    assert((0 to 3).map(shovel.price) == Seq(10, 11, 13, 14))
    for (equipment <- Equipment.all; owned <- 0 to 50)
      assert(equipment.price(owned + 1) > equipment.price(owned))
  }

  test("a mine digs by itself each second, as do excavators") {
    val game = bought(bought(rich(1620), "mine"), "excavator")
    assert(game.player("ada").gold == 0)
    assert(game.second.second.player("ada").gold == 188)
  }

  test("a user who comes back has what it had, and earned nothing meanwhile") {
    val before = bought(rich(1600), "mine")
    val away = before.leave("ada").second
    assert(away.online.isEmpty)
    assert(away.join("ada") == before)
  }

  test("joining twice changes nothing, and leaving twice neither") {
    val game = rich(5)
    assert(game.join("ada") == game)
    assert(game.leave("ada").leave("ada") == game.leave("ada"))
  }

  test("who leaves with nothing is forgotten, and a stranger may leave") {
    assert(Game().join("ada").leave("ada") == Game())
    assert(Game().leave("nobody") == Game())
  }
}
