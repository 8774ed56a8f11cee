/**
 * The program `onar`, built for tests: a node of it stops at a named step of a decision on the next view. Nothing of
 * the kind is in the program that is shipped. Whoever starts it names a file in ONAR_PAUSE_AT. While that file is
 * there, the first node that comes to the step written in it takes the file and says `paused at STEP`. Then it does
 * nothing more: its process waits for its end. The file says `STEP EPOCH`, the epoch being that of the view that the
 * decision ends.
 *
 * | step | what is done, and what is not |
 * |---|---|
 * | promised | the candidate's own promise is durable; no Prepare has left |
 * | prepared | another voter's promise has arrived, so a Prepare has left; it is not counted |
 * | asked | another voter has accepted the view, so an Accept has left; it is not counted |
 * | voted | the proposer's own vote is durable; it is not counted |
 * | decided | a majority is counted; nobody is told, and the view is not durable here |
 * | told | another node holds the view |
 *
 * Steps of a move are of no view: their epoch is 0.
 *
 * | step | what is done, and what is not |
 * |---|---|
 * | begun | a newcomer's empty copy is durable; it has asked nobody |
 * | sealed | the copy of a replica that leaves is sealed durably; nobody has heard from it since |
 * | source | a newcomer's first question has come; it is not answered |
 * | merged | all keys of a newcomer's copy are durable; nobody is told that it is ready |
 */
import { existsSync, readFileSync, renameSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runProcess } from "../../dist/src/cli/process.js";
import { Loop } from "../../dist/src/node/loop.js";
import { NodeMachine } from "../../dist/src/node/machine.js";

const orders = process.env.ONAR_PAUSE_AT ?? "";
/** The epoch of the last view that this node decided as its proposer. */
let decided = 0;

function at(step, epoch) {
  if (!existsSync(orders) || readFileSync(orders, "utf8") !== `${step} ${epoch}`) return;
  try {
    // One node alone takes it.
    renameSync(orders, `${orders}.${process.pid}`);
  } catch {
    return;
  }
  writeSync(1, `paused at ${step}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const { step } = NodeMachine.prototype;
NodeMachine.prototype.step = function (now, input, out) {
  const { self } = this.core;
  const message = input.kind === "message" ? input.message : null;
  if (message !== null && input.from !== self) {
    if (message.kind === "view-promised" && message.ballot.node === self) at("prepared", message.ballot.groupEpoch);
    if (message.kind === "view-accepted" && message.ballot.node === self) at("asked", message.ballot.groupEpoch);
    if (message.kind === "view-held" && message.epoch === decided) at("told", decided - 1);
    if (message.kind === "ask-states") at("source", 0);
  }
  const { epoch } = this.core.newest.view;
  step.call(this, now, input, out);
  if (message?.kind !== "view-accepted" || this.core.newest.view.epoch === epoch) return;
  decided = this.core.newest.view.epoch;
  at("decided", epoch);
};

const { synced } = Loop.prototype;
Loop.prototype.synced = function (batch) {
  const { self } = this.machine.core;
  for (const entry of batch.entries) {
    if (entry.kind === "view-promise" && entry.ballot.node === self) at("promised", entry.ballot.groupEpoch);
    if (entry.kind === "view-vote" && entry.vote.ballot.node === self) at("voted", entry.vote.ballot.groupEpoch);
    if (entry.kind === "begun") at("begun", 0);
    if (entry.kind === "sealed" && !entry.stays) at("sealed", 0);
    if (entry.kind === "ready") at("merged", 0);
  }
  synced.call(this, batch);
};

await runProcess(process.argv.slice(2), fileURLToPath(import.meta.url));
