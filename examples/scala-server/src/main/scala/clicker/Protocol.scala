package clicker

import scala.util.Try

/** What users do, as this server understands it. */
sealed trait Action { def user: String }

object Action {
  final case class Connected(user: String) extends Action
  final case class Disconnected(user: String) extends Action
  final case class ClickGold(user: String) extends Action
  final case class Buy(user: String, equipment: String) extends Action

  /** @param text the whole message, as it came */
  final case class Echo(user: String, text: String) extends Action
  final case class Unknown(user: String, action: String) extends Action
}

/** What the bridge sends. */
sealed trait Incoming

/** The first message of a connection, with `--confirm`: who is numbering. */
final case class Hello(epoch: String) extends Incoming

/** What a user does, or what is wrong with it.
  *
  * @param seq its number, with `--confirm`
  * @param replyTo who waits for an answer, with `--replies`
  */
final case class Message(seq: Option[Long], replyTo: Option[String], action: Either[String, Action]) extends Incoming

/** The game's messages as JSON text, both ways. No I/O, no state.
  *
  * What comes has the user, put in by the bridge, and an action: the name of the
  * event that the page emitted. What goes with a `username` reaches that user
  * only; without one, everybody.
  */
object Protocol {
  import Action._

  /** How many the list of players holds: a message to everybody must stay short. */
  val MaximumPlayersListed = 100

  /** What `text` is. Takes any text. What is wrong with a message does not hide its
    * number: it has to be confirmed all the same, or it would be sent again for ever.
    */
  def receive(text: String): Incoming = fieldsOf(text) match {
    case Left(reason) => Message(None, None, Left(reason))
    case Right(fields) =>
      hello(fields).getOrElse(
        Message(fields.get("seq").flatMap(_.numOpt).map(_.toLong), string(fields.get("reply_to")), action(fields, text))
      )
  }

  /** The action in `message`, or what is wrong with it. Takes any text. */
  def read(message: String): Either[String, Action] = fieldsOf(message).flatMap(action(_, message))

  private type Fields = collection.Map[String, ujson.Value]

  private def fieldsOf(text: String): Either[String, Fields] =
    for {
      json <- Try(ujson.read(text)).toEither.left.map(error => s"not JSON (${error.getMessage})")
      fields <- json.objOpt.toRight("not a JSON object")
    } yield fields

  private def hello(fields: Fields): Option[Hello] =
    for {
      epoch <- string(fields.get("epoch"))
      if string(fields.get("action")).contains("hello") && !fields.contains("username")
    } yield Hello(epoch)

  private def action(fields: Fields, message: String): Either[String, Action] =
    for {
      user <- string(fields.get("username")).filter(_.nonEmpty).toRight("it has no username")
      name <- string(fields.get("action")).toRight("it has no action")
    } yield name match {
      case "connected"    => Connected(user)
      case "disconnected" => Disconnected(user)
      case "clickGold"    => ClickGold(user)
      case "buy"          => Buy(user, string(fields.get("data")).getOrElse(""))
      case "buyEquipment" => Buy(user, string(fields.get("equipmentID")).getOrElse(""))
      case "echo"         => Echo(user, message)
      case other          => Unknown(user, other)
    }

  /** To one user: all that its page shows. */
  def gameState(user: String, player: Player): String =
    ujson.write(
      ujson.Obj(
        "username" -> user,
        "action" -> "gameState",
        "gold" -> number(player.gold),
        "goldPerClick" -> number(player.perClick),
        "goldPerSecond" -> number(player.perSecond),
        "equipment" -> ujson.Obj.from(Equipment.all.map(e => e.id -> equipment(e, player)))
      )
    )

  /** To one user: why nothing came of what it did. */
  def refused(user: String, reason: String): String =
    ujson.write(ujson.Obj("username" -> user, "action" -> "refused", "reason" -> reason))

  /** To the bridge: all messages up to this number have been dealt with. */
  def confirm(seq: Long): String = ujson.write(ujson.Obj("confirm" -> number(seq)))

  /** To the one page that asked: what it has now, and why nothing came of what it did. */
  def answer(replyTo: String, player: Player, problem: Option[String]): String = {
    val json = ujson.Obj("reply_to" -> replyTo, "gold" -> number(player.gold))
    problem.foreach(json("refused") = _)
    ujson.write(json)
  }

  /** To all: who is here, the richest first. */
  def players(game: Game): String = {
    val richest = game.online.toVector.sortBy { case (user, player) => (-player.gold, user) }
    val listed = richest.take(MaximumPlayersListed).map { case (user, player) =>
      ujson.Obj("name" -> user, "gold" -> number(player.gold))
    }
    ujson.write(ujson.Obj("action" -> "players", "online" -> richest.size, "players" -> ujson.Arr.from(listed)))
  }

  private def equipment(equipment: Equipment, player: Player): ujson.Obj =
    ujson.Obj(
      "name" -> equipment.name,
      "count" -> player.count(equipment),
      "price" -> number(player.price(equipment))
    )

  private def string(value: Option[ujson.Value]): Option[String] = value.flatMap(_.strOpt)

  // A plain Long would become a JSON string, as JavaScript's numbers are exact
  // only up to 2^53; the page is better off with a number all the same.
  private def number(value: Long): ujson.Num = ujson.Num(value.toDouble)
}
