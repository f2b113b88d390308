package clicker

import clicker.Action._
import org.scalatest.funsuite.AnyFunSuite

class ProtocolSpec extends AnyFunSuite {

  test("each action is read") {
    def read(rest: String) = Protocol.read(s"""{"username":"ada",$rest}""")
    assert(read(""""action":"connected"""") == Right(Connected("ada")))
    assert(read(""""action":"disconnected"""") == Right(Disconnected("ada")))
    assert(read(""""action":"clickGold"""") == Right(ClickGold("ada")))
    assert(read(""""action":"buy","data":"shovel"""") == Right(Buy("ada", "shovel")))
    assert(read(""""action":"buyEquipment","equipmentID":"mine"""") == Right(Buy("ada", "mine")))
    assert(read(""""action":"move","x":1""") == Right(Unknown("ada", "move")))
    assert(read(""""action":"buy","data":7""") == Right(Buy("ada", "")))
  }

  test("a message says its number and who waits for an answer, also when something is wrong with it") {
    def receive(text: String) = Protocol.receive(text)
    assert(receive("""{"action":"hello","epoch":"e1"}""") == Hello("e1"))
    val click = """{"username":"ada","action":"clickGold","reply_to":"r1","seq":41}"""
    assert(receive(click) == Message(Some(41), Some("r1"), Right(ClickGold("ada"))))
    assert(
      receive("""{"username":"ada","action":"hello","epoch":"e1"}""") ==
        Message(None, None, Right(Unknown("ada", "hello")))
    )
    assert(receive("""{"seq":7}""") == Message(Some(7), None, Left("it has no username")))
    assert(receive("junk").isInstanceOf[Message])
  }

  test("confirmations and answers have plain numbers") {
    assert(Protocol.confirm(1234567890123L) == """{"confirm":1234567890123}""")
    assert(Protocol.answer("r1", Player(gold = 2), None) == """{"reply_to":"r1","gold":2}""")
    assert(Protocol.answer("r1", Player(), Some("no")) == """{"reply_to":"r1","gold":0,"refused":"no"}""")
  }

  test("an echo keeps the message as it came") {
    val escaped = "\\u007e"
    val message = s"""{"username":"ada","action":"echo","data":12345678901234567890.10, "x":"$escaped"}"""
    assert(Protocol.read(message) == Right(Echo("ada", message)))
  }

  test("what is no action is refused with a reason, and nothing is thrown") {
    val reasons = Map(
      "" -> "not JSON",
      "{" -> "not JSON",
      "{}{}" -> "not JSON",
      "junk" -> "not JSON",
      "\uFFFD" -> "not JSON",
      "[1]" -> "not a JSON object",
      "null" -> "not a JSON object",
      "1e999" -> "not a JSON object",
      "{}" -> "it has no username",
      """{"username":7,"action":"connected"}""" -> "it has no username",
      """{"username":"","action":"connected"}""" -> "it has no username",
      """{"username":["ada"],"action":"connected"}""" -> "it has no username",
      """{"username":"ada"}""" -> "it has no action",
      """{"username":"ada","action":null}""" -> "it has no action",
      "[" * 500000 -> "not JSON",
      "[" * 500000 + "]" * 500000 -> "not a JSON object",
      """{"a":""" * 100000 -> "not JSON"
    )
    for ((message, reason) <- reasons)
      assert(Protocol.read(message).left.exists(_.startsWith(reason)), message.take(40))
  }

  test("a game state says what a page shows, with plain numbers") {
    val player = Player(gold = 1234567890123L, owned = Map("shovel" -> 1))
    val json = ujson.read(Protocol.gameState("zoë", player))
    assert(json("username").str == "zoë" && json("action").str == "gameState")
    assert(Protocol.gameState("zoë", player).contains(""""gold":1234567890123,"goldPerClick":2,"goldPerSecond":0,"""))
    assert(json("equipment")("shovel") == ujson.Obj("name" -> "Shovel", "count" -> 1, "price" -> 11))
    assert(json("equipment").obj.keys.toSeq == Seq("shovel", "excavator", "mine"))
  }

  test("the list of players is for all, has those who are here, and begins with the richest") {
    val game = Game(Map("a" -> Player(1), "b" -> Player(3), "away" -> Player(9, online = false), "c" -> Player(3)))
    assert(
      Protocol.players(game) ==
        """{"action":"players","online":3,"players":[{"name":"b","gold":3},{"name":"c","gold":3},{"name":"a","gold":1}]}"""
    )
  }

  test("the list of players has an end") {
    val game = Game((1 to 5000).map(n => s"user$n" -> Player(n.toLong)).toMap)
    val json = ujson.read(Protocol.players(game))
    assert(json("online").num == 5000)
    assert(json("players").arr.size == Protocol.MaximumPlayersListed)
    assert(json("players")(0)("name").str == "user5000")
  }
}
