package clicker

/** Which numbered messages have been dealt with: the last number of each epoch.
  *
  * With `--confirm` the bridge sends again what was not confirmed when a connection
  * broke. What is remembered here makes of "at least once" a "once". The numbers of
  * one epoch, which is one process of the bridge, only rise, so the last one says it
  * all. It is forgotten when this program ends, as the game is.
  */
final case class Seen(epochs: Vector[(String, Long)] = Vector.empty) {

  /** The last number of this epoch, if there was one. */
  def last(epoch: String): Option[Long] = epochs.collectFirst { case (`epoch`, number) => number }

  def contains(epoch: String, number: Long): Boolean = last(epoch).exists(number <= _)

  def add(epoch: String, number: Long): Seen =
    Seen((epochs.filterNot(_._1 == epoch) :+ (epoch -> number)).takeRight(Seen.MaximumEpochs))
}

object Seen {

  /** Each start of a bridge is a new epoch; of old ones nothing comes any more. */
  val MaximumEpochs = 16
}
