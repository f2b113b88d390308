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
  private var epochOf = Map.empty[ActorRef, String] // by TCP client, if it numbers its messages
  private var seen = Seen()

  timers.startTimerAtFixedRate(Second, Second, 1.second)

  override val supervisorStrategy: SupervisorStrategy = SupervisorStrategy.stoppingStrategy

  override def postStop(): Unit = context.system.terminate(): Unit

  override def receive: Receive = {
    case Listening(address)       => println(s"listening on ${text(address)}")
    case FromClient(client, text) => received(client, text)
    case ClientGone(client)       => gone(client)
    case Second                   => second()
    case SendPlayers              => send(Protocol.players(game))
    case Terminated(_)            => context.stop(self)
  }

  private def received(client: ActorRef, text: String): Unit = Protocol.receive(text) match {
    case Hello(epoch)     => epochOf += client -> epoch; confirm(client, epoch)
    case message: Message => epochOf.get(client).zip(message.seq).fold(act(client, text, message)) {
        case (epoch, seq) => once(client, epoch, seq)(act(client, text, message))
      }
  }

  /** Deals with a numbered message, unless it has been already: on a connection that
    * broke before the confirmation had arrived. First it is done, then confirmed.
    */
  private def once(client: ActorRef, epoch: String, seq: Long)(act: => Unit): Unit = {
    if (!seen.contains(epoch, seq)) {
      act
      seen = seen.add(epoch, seq)
    }
    confirm(client, epoch)
  }

  /** Also when it says hello: then the bridge need not send again what has arrived. */
  private def confirm(client: ActorRef, epoch: String): Unit =
    seen.last(epoch).foreach(seq => clients ! SendToClient(client, Protocol.confirm(seq)))

  private def act(client: ActorRef, text: String, message: Message): Unit =
    message.action.fold(malformed(text), handle(client, _, message.replyTo))

  private def gone(client: ActorRef): Unit = {
    usersOf.getOrElse(client, Set.empty).foreach(leave(client, _))
    epochOf -= client
  }

  private def malformed(message: String)(reason: String): Unit =
    log.warning("dropped a message, {}: {}", reason, shorten(message))

  /** Whatever a user does, it is here: the bridge, or this server, may have been
    * restarted since it said `connected`.
    */
  private def handle(client: ActorRef, action: Action, replyTo: Option[String]): Unit = {
    if (!action.isInstanceOf[Disconnected]) join(client, action.user)
    action match {
      case Disconnected(user)    => leave(client, user)
      case Connected(user)       => sendState(user)
      case ClickGold(user)       => game = game.click(user); done(client, user, None, replyTo)
      case Buy(user, equipment)  => done(client, user, buy(user, equipment), replyTo)
      case Echo(_, text)         => echo(client, text, replyTo)
      case Unknown(user, action) => done(client, user, Some(s"there is no action '${shorten(action)}'"), replyTo)
    }
  }

  /** What is wrong with it, if nothing comes of it. */
  private def buy(user: String, equipment: String): Option[String] = game.buy(user, equipment) match {
    case Right(after) => game = after; None
    case Left(reason) => Some(shorten(reason))
  }

  /** All of the user's pages see what has changed. The one that asked is answered; for
    * one that did not, a refusal is a message.
    */
  private def done(client: ActorRef, user: String, problem: Option[String], replyTo: Option[String]): Unit = {
    if (problem.isEmpty) sendState(user)
    replyTo match {
      case Some(id) => clients ! SendToClient(client, Protocol.answer(id, game.player(user), problem))
      case None     => problem.foreach(reason => send(Protocol.refused(user, reason)))
    }
  }

  /** As it came, and so an answer, if one was asked for. */
  private def echo(client: ActorRef, text: String, replyTo: Option[String]): Unit =
    if (replyTo.isEmpty) send(text) else clients ! SendToClient(client, text)

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
