package clicker

/** A thing that a player can buy, any number of times.
  *
  * @param basePrice what the first one costs, in gold
  * @param growth by what each further one is dearer
  * @param perClick gold that each one adds to a click
  * @param perSecond gold that each one digs by itself
  */
final case class Equipment(
    id: String,
    name: String,
    basePrice: Long,
    growth: Double,
    perClick: Long,
    perSecond: Long
) {

  /** What the next one costs who has `owned` already. */
  def price(owned: Int): Long = math.ceil(basePrice * math.pow(growth, owned.toDouble)).toLong
}

object Equipment {
  val all: Vector[Equipment] = Vector(
    Equipment("shovel", "Shovel", basePrice = 10, growth = 1.1, perClick = 1, perSecond = 0),
    Equipment("excavator", "Excavator", basePrice = 120, growth = 1.15, perClick = 8, perSecond = 4),
    Equipment("mine", "Gold mine", basePrice = 1500, growth = 1.2, perClick = 0, perSecond = 90)
  )

  def find(id: String): Option[Equipment] = all.find(_.id == id)
}

/** @param owned how many of each equipment, by its id */
final case class Player(gold: Long = 0, owned: Map[String, Int] = Map.empty, online: Boolean = true) {
  def count(equipment: Equipment): Int = owned.getOrElse(equipment.id, 0)
  def price(equipment: Equipment): Long = equipment.price(count(equipment))
  def perClick: Long = 1 + Equipment.all.map(e => count(e) * e.perClick).sum
  def perSecond: Long = Equipment.all.map(e => count(e) * e.perSecond).sum

  def earn(more: Long): Player = copy(gold = gold + more)

  /** With one more of it and less gold, or why not. */
  def buy(equipment: Equipment): Either[String, Player] =
    if (gold < price(equipment)) Left(s"${equipment.name} costs ${price(equipment)} gold, you have $gold")
    else Right(copy(gold - price(equipment), owned.updated(equipment.id, count(equipment) + 1)))
}

/** The rules of the clicker game, and nothing else: no JSON, no actor, no clock.
  *
  * A value, so each rule gives a new one and leaves the old one as it was. A
  * player keeps what it has while it is away, but earns nothing then.
  */
final case class Game(players: Map[String, Player] = Map.empty) {

  def online: Map[String, Player] = players.filter(_._2.online)

  /** The user is here: for the first time, or again, or still. */
  def join(user: String): Game = updated(user, player(user).copy(online = true))

  /** The user is away. Who has nothing is forgotten: a bridge that names users by
    * their connection would fill the memory with names that never come again.
    */
  def leave(user: String): Game = players.get(user) match {
    case Some(player) if player.gold > 0 || player.owned.nonEmpty => updated(user, player.copy(online = false))
    case _                                                        => Game(players - user)
  }

  /** A click on the gold of a user who has joined. */
  def click(user: String): Game = updated(user, player(user).earn(player(user).perClick))

  /** The user buys one piece, or the reason why it can't. */
  def buy(user: String, equipment: String): Either[String, Game] =
    for {
      wanted <- Equipment.find(equipment).toRight(s"there is no equipment '$equipment'")
      player <- player(user).buy(wanted)
    } yield updated(user, player)

  /** One second passes for all who are here. */
  def second: Game = Game(players.map { case (user, player) =>
    user -> (if (player.online) player.earn(player.perSecond) else player)
  })

  /** The user's player; a new one for a stranger. */
  def player(user: String): Player = players.getOrElse(user, Player())

  private def updated(user: String, player: Player): Game = Game(players.updated(user, player))
}
