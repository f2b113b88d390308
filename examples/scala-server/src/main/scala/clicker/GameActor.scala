package clicker

import scala.concurrent.duration._

import org.apache.pekko.actor._
import socketserver.SocketServer._

/** Holds the game and lets it meet the world: what clients send, and the clock.
  *
  * One actor, so actions happen one after another and need no locks. It owns the
  * socket server; when that ends, or when one of the two fails, the process ends:
  * a server that still runs and does nothing would be worse.
  *
  * @param server makes the socket server for a handler, which is this actor
  */
final class GameActor(server: ActorRef => Props) extends Actor with ActorLogging with Timers {
  import Action._
  import GameActor._

  private val clients = context.watch(context.actorOf(server(self), "socket-server"))
  private var game = Game()
  private var usersOf = Map.empty[ActorRef, Set[String]] // by TCP client

  timers.startTimerAtFixedRate(Second, Second, 1.second)

  override val supervisorStrategy: SupervisorStrategy = SupervisorStrategy.stoppingStrategy

  override def postStop(): Unit = context.system.terminate(): Unit

  override def receive: Receive = {
    case Listening(address)          => println(s"listening on ${text(address)}")
    case FromClient(client, message) => Protocol.read(message).fold(malformed(message), handle(client, _))
    case ClientGone(client)          => usersOf.getOrElse(client, Set.empty).foreach(leave(client, _))
    case Second                      => second()
    case SendPlayers                 => send(Protocol.players(game))
    case Terminated(_)               => context.stop(self)
  }

  private def malformed(message: String)(reason: String): Unit =
    log.warning("dropped a message, {}: {}", reason, shorten(message))

  /** Whatever a user does, it is here: the bridge, or this server, may have been
    * restarted since it said `connected`.
    */
  private def handle(client: ActorRef, action: Action): Unit = {
    if (!action.isInstanceOf[Disconnected]) join(client, action.user)
    action match {
      case Disconnected(user)    => leave(client, user)
      case Connected(user)       => sendState(user)
      case ClickGold(user)       => game = game.click(user); sendState(user)
      case Buy(user, equipment)  => buy(user, equipment)
      case Echo(_, text)         => send(text)
      case Unknown(user, action) => send(Protocol.refused(user, s"there is no action '${shorten(action)}'"))
    }
  }

  private def buy(user: String, equipment: String): Unit = game.buy(user, equipment) match {
    case Right(after) => game = after; sendState(user)
    case Left(reason) => send(Protocol.refused(user, shorten(reason)))
  }

  private def join(client: ActorRef, user: String): Unit = {
    val users = usersOf.getOrElse(client, Set.empty)
    if (!users(user)) {
      usersOf += client -> (users + user)
      game = game.join(user)
      sendPlayersSoon()
    }
  }

  /** A user may be at two bridges at once; it leaves with the last of them. */
  private def leave(client: ActorRef, user: String): Unit = {
    val rest = usersOf.getOrElse(client, Set.empty) - user
    usersOf = if (rest.isEmpty) usersOf - client else usersOf + (client -> rest)
    if (!usersOf.values.exists(_(user))) {
      game = game.leave(user)
      sendPlayersSoon()
    }
  }

  private def second(): Unit = {
    game = game.second
    game.online.foreach { case (user, player) => if (player.perSecond > 0) sendState(user) }
    self ! SendPlayers
  }

  /** Not at once: a bridge that comes back announces all its users in one breath,
    * and a list of everybody for each of them would be a flood.
    */
  private def sendPlayersSoon(): Unit =
    if (!timers.isTimerActive(SendPlayers)) timers.startSingleTimer(SendPlayers, SendPlayers, 50.millis)

  private def sendState(user: String): Unit = send(Protocol.gameState(user, game.player(user)))

  private def send(message: String): Unit = clients ! SendToClients(message)
}

object GameActor {
  private case object Second
  private case object SendPlayers

  /** @param server makes the socket server, given its handler */
  def props(server: ActorRef => Props): Props = Props(new GameActor(server))
}
