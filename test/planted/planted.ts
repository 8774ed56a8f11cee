/**
 * Takes the place of src/core/model/planted.ts in test builds: the same switches, settable. A name that is not known is
 * an error that lists the known ones, so that a test never passes because it planted nothing.
 */
import type { PlantedBug } from "../../src/core/model/planted.js";

export type { PlantedBug };

/** Every switch, with the rule it breaks in words. The type makes it complete. */
const BUGS: Record<PlantedBug, string> = {
  "R1.write": "a replica accepts any Write",
  "R1.impose": "a replica accepts any Impose",
  "R1.catch-up": "a replica takes over any register of another copy",
  R2: "a replica acknowledges although it holds a newer ballot",
  "R3.no-impose": "a reader returns without imposing",
  "R3.settled-though-absent": "a reader skips the impose although somebody said absent",
  "R4.one-replica": "the writer recovers a key from one replica",
  "R4.earlier-office": "the writer keeps what an earlier office knew",
  "R5.from-memory": "the writer reveals a state from memory",
  "R5.round-before": "the writer counts a round begun before the request",
  R6: "the writer uses a seq again after a timeout",
  "R7.count-messages": "quorums count messages",
  "R7.reuse-attempt": "a reader uses an attempt's id again",
  "R7.forget-attempt":
    "catching up and mending ask again every 100 ms under a new attempt, and forget what is under way",
  "R7.void-attempt": "an answer mends a bad register although its question was answered before",
  "R8.before-sync": "storage says that entries are durable before they are",
  "R8.torn-record": "recovery takes a record whose body is not whole",
  "R8.fold-ahead": "a fold takes what was put and is not in the log yet",
  "R8.own-copy-early": "a read that counts what the own copy holds is answered before that is durable",
  "R9.drop-on-recover": "the writer drops completion records when it recovers a key",
  "R9.forget-failed-cas": "a failed CAS leaves no completion record",
  "R9.forget-without-floor": "forgetting a record does not raise the floor",
  "R9.ignore-client-revision": "a writer decides although the client has seen a higher revision",
  "R9.purge-without-floor": "purging a register does not raise the partition's floor",
  "R9.purge-forgets-floor": "purging raises the partition's floor by the register's records only",
  "R9.raise-without-floor": "raising the revisions of a restored cluster does not raise the partition's floor",
  "R10.rolled-back": "a node that comes back with less than it had told is welcome",
  "R10.told-early": "a node tells how many records it has before they are durable",
  "R10.unheard": "what a peer's heartbeat tells of its records is not remembered",
  "R10.emptied": "a node starts although its log and its checkpoint are gone",
  "R11.bad-is-absent": "a register that fails its checksum counts as absent",
  "R11.late-write": "an ordinary Write takes the place of a bad register",
  "R11.proof-cut-off": "recovery cuts off what proves that a rotten record had been durable, without another proof",
  "R11.holds-up-others": "a bad register that nobody can mend holds up what else the copy lacks",
  "R11.unchecked": "a register of the checkpoint is served without a look at its checksum",
  "R11.rotten-is-torn": "recovery takes what has rotted for a write that the crash cut short",
  "R12.at-a-majority": "the writer purges when a majority holds the tombstone",
  "R12.without-promise": "the writer purges in the ballot of the tombstone, without a new one",
  "R12.any-timestamp": "a Purge removes whatever tombstone there is",
  "R12.old-transfer": "a replica that purges keeps the transfers it asked for before",
  "R13.no-reservation": "revisions are handed out without a reservation",
  "R13.one-replica": "a reservation counts when one replica holds it",
  "R14.merely-accepted": "what is merely accepted passes for settled",
  "R14.across-ballots": "settled numbers are compared across ballots",
  "R14.over-unacknowledged": "the settled seq advances over one that is not acknowledged",
  "R14.over-deserted":
    "the settled seq advances over a write that nobody waits for, which a later one under way has replaced",
  "R9.raise-lets-in": "between the two rounds of a raise, requests of before run",
  "R9.raise-told-early": "a raise is told as done when a majority has reserved beyond it, without the floor",
  "R9.tells-less":
    "a replica that has just started tells clients what it happens to hold, though more may be forgotten",
  "R9.base-untold": "an office does not tell where it began",
  "R9.first-copy-unbound": "the first copy that a node sends on does not say what that node knew",
  "I3.waits-on": "requests stay with the writer beyond their deadline, and one key may use up its partition",
  "I3.keeps-deserted":
    "writes that nobody waits for stay with the writer, although later ones of their keys are under way",
  "B3.purge-goes-on": "a purge pass that waited lets a writer go on that has handed its office over",
  "I5.unsent-is-sent": "a request that no stream took counts as sent",
  "B1.page-by-number": "a page for who catches up is bounded in number only",
  "B1.retained-by-number": "what is kept for a replica that lacks it is bounded in number only",
  "C1.told-early": "a page that is not the last tells what the copy had",
  "C1.claims-settled": "a copy claims to have had what is settled on a majority",
  "C1.tells-learned": "a copy tells on what another copy had",
  "E6.full-keeps-office": "a node with a full disk keeps its offices, and takes more",
  "I3.forgotten-at-the-sync": "a request whose answer waits for a sync has no deadline any more",
  "R9.records-end-nodes": "completion records that cannot be read end the node that looks at them",
  "R13.told-too-much": "a writer refuses for good what is bound by a revision that peers told of wrongly",
  "R13.recovers-beyond": "a writer recovers revisions and floors beyond all that was reserved",
  "H5.first-word-lasts": "what a peer once said of the version of its reports is never taken back",
  "H5.cursor-lasts": "what a peer once said of how many changes its copy has is never taken back",
  "I6.believes-on": "an entry node does not unlearn a revision that a writer has not come to",
  "W1.refusal-is-final": "a node that was refused does not dial again",
  "W2.anybodys-proof": "a node believes that it was rolled back without its own proof",
  "W2.any-position": "any position that a peer tells is remembered",
  "W3.second-replaces": "a second handshake replaces a stream that lives",
  "W4.on-one-word": "a founder believes whoever tells that a view is decided",
  "W4.unchecked": "a founder accepts a view without a look at it",
  "W4.any-digest": "the digests of views of one epoch are not compared",
  "W4.any-news": "any view that a member tells as decided is taken",
  "W5.taken": "a message that cannot be is taken in",
  "W6.any-leap": "numbers that others go on above may leap as far as they like",
  "W7.any-round": "a ballot of founding may have any round",
  "W8.anybody": "who proved to be one node may shake hands as another",
  "W9.any-key": "a key is taken in for whatever partition a peer names with it",
  "A1.proves-first": "a node proves that it knows the secret to whoever asks",
  "A2.hears-strangers": "a handshake is heard before a proof",
  "F2.any-ballot": "a founder accepts in a ballot that this incarnation did not promise",
  "F4.majority": "a majority of the founders decides view 1",
  "F5.no-adopt": "a founder proposes a view of its own, whatever was accepted before",
  "F6.forgotten-votes": "a founder answers before its votes are durable",
  "V1.all-members": "any member counts for the decision on the next view",
  "V1.new-voters": "the voters of the proposed view decide on it",
  "V1.no-adopt": "a proposer does not take over what was accepted before",
  "V1.forgotten-vote": "a voter's vote is not durable",
  "V1.prepare-early": "a candidate prepares before its own promise is durable",
  "V1.accepted-is-decided": "a voter takes what it accepted for decided",
  "V1.lost-disk": "a voter that lost its disk votes on under its old id",
  "V1.two-voters": "several voters change in one view",
  "V1.stale-wish": "a wish to join counts in a later epoch than it was said in",
  "V1.unread": "a voter proposes the successor of a view that it does not read all of",
  "V1.re-encoded": "a node encodes a view again that somebody else made, and drops what it does not know",
  "V7.leave-at-once": "a node that the newest view leaves out stops at once",
  "V7.not-asked-for": "a proposer makes members of nodes that did not ask for it",
  "V7.comes-back":
    "a member that moved and was left out meanwhile asks on to be known elsewhere, and is a member again",
  "V7.calls-unheard": "a node that was left out does not hear from calls who holds the view that says so",
  "V7.re-add-leaving": "a node that is just left out is a member again by a wish from before",
  "V7.one-by-one": "members that stand at each other's addresses wait for each other",
  "V7.replaces-heard": "a new node at the address of a member that is heard takes its place",
  "V7.wish-dropped": "a proposer does not go on with the wishes that it finds in the view",
  "V7.leaving-votes": "a node that leaves becomes a voter",
  "V1.operation-again": "an operation that was computed on an earlier view runs when it is asked for again",
  "V5.preference-epoch": "another preferred writer gives a partition a new group epoch",
  "H10.mark-accepted": "a fold marks registers as settled that were merely accepted",
  "H10.mark-dropped": "a register that is settled at another copy is taken over without its mark",
  "H8.not-folded": "a fold leaves the removals of its layers behind",
  "H8.gap-unseen": "removals that were forgotten or have rotted are told as if there had been none",
  "V2.serves-on": "a replica that left its group answers on in the old epoch",
  "V2.confirms": "a sealed replica confirms the writer of the old epoch",
  "V2.seal-lost": "a stayer's seal is not durable",
  "V4.answers-early": "a newcomer answers before it is ready",
  "V4.ready-early": "a replica says that it is ready before that is durable",
  "V5.gives-up-unheard": "a replica gives way although no ready majority of its group is heard",
  "V5.stacks-moves": "a partition moves again although its last move is not finished",
  "V6.emptied-early": "a node counts as emptied although a group that takes over from it is not ready",
  "V6.drops-on-seal": "a replica drops what it holds when it leaves its group",
  "stayer.intersects": "a replica stays although majorities of the new group only meet those of the old one",
  "stayer.returns": "a replica that served some earlier group stays with what it had",
  "H14.reports-of-before":
    "reports of the epoch before count against a writer just elected in the new one, and it stops working",
  "H18.not-writer": "a write in flight at a seal, which was given its seq, is told as not executed",
  "H18.unlooked": "a write in flight at a seal is told as done without a look at what became of it",
  "H9.replays-dropped": "what the log says of a dropped copy goes into the next one of its partition",
  "H9.sweeps-early": "a dropped copy's blocks go before the checkpoint knows that it is dropped",
  "H9.drop-not-resumed": "a start does not go on with a drop that a crash cut short",
  "H9.folds-less": "a fold leaves out a copy whose drop is not durable yet",
  "V3.one-replica": "a merge takes the state of one replica of the group before",
  "V3.unsealed": "a replica that has not sealed the group before answers a merge",
  "V3.keeps-leftovers": "a merge keeps what was pre-copied, though nobody of the group before holds it",
  "V3.removals-not-fed": "a source does not tell a pre-copy what was removed since",
  "V3.floor-forgotten": "a merge leaves the floors of the group before",
  "V3.reservation-forgotten": "a merge leaves the reservations of the group before",
  "V3.in-doubt-settled": "a merge takes every register for settled",
  "V3.merged-votes": "a copy that took registers over since its seal still has a vote on what was settled",
  "V3.bad-is-absent": "a merge takes a bad register for an absent one",
  "V3.late-after-mended": "a late merge takes what was asked for before the key was mended and got bad again",
  "V3.cursor-without-copy": "a source answers for a cursor of another copy",
  "V3.promise-stays": "a register of the new group is taken over, and the promise stays below it",
  "H20.asks-without-room": "a transfer asks for more though the log is full of what no fold has taken yet",
  "H14.old-reports": "reports of the view before count against a proposer just elected in the new one, and it gives up",
};

const active = new Set<PlantedBug>();

export const planted = (bug: PlantedBug): boolean => active.size !== 0 && active.has(bug);

export const plantedBugs = (): readonly PlantedBug[] => Object.keys(BUGS) as PlantedBug[];

export const describeBug = (bug: PlantedBug): string => BUGS[bug];

export function bugNamed(name: string): PlantedBug {
  if (Object.hasOwn(BUGS, name)) return name as PlantedBug;
  throw new Error(`unknown planted bug ${JSON.stringify(name)}; known: ${plantedBugs().join(", ")}`);
}

/** Plants exactly these; none: the code as it is. */
export function plant(...bugs: readonly string[]): void {
  active.clear();
  for (const bug of bugs) active.add(bugNamed(bug));
}
