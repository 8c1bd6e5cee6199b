/** Turns and their branches: an edited question, or an answer asked for again, stands beside the one before. Pure. */

import { ended } from "./answer";
import type { Answer, Tree, Turn } from "./types";

export const EMPTY: Tree = { turns: [], chosen: {} };

/** What `chosen` calls the beginning, which comes after nothing. */
const ROOT = "";

/** The turns from the first to the last, along the chosen branches. */
export function pathOf(tree: Tree): Turn[] {
  const path: Turn[] = [];
  for (let next = chosenAfter(tree, null); next !== undefined; next = chosenAfter(tree, next.id)) path.push(next);
  return path;
}

/** The turns from the first up to this one and with it, whichever branches are chosen. */
export function pathTo(tree: Tree, id: string): Turn[] {
  const path: Turn[] = [];
  for (let turn = find(tree, id); turn; turn = turn.parent === null ? undefined : find(tree, turn.parent)) path.unshift(turn);
  return path;
}

export function find(tree: Tree, id: string): Turn | undefined {
  return tree.turns.find((turn) => turn.id === id);
}

/** This turn and those beside it, in the order they were made. */
export function beside(tree: Tree, id: string): Turn[] {
  const turn = find(tree, id);
  return turn ? childrenOf(tree, turn.parent) : [];
}

/** With one more turn, which is chosen. */
export function withTurn(tree: Tree, turn: Turn): Tree {
  return choose({ ...tree, turns: [...tree.turns, turn] }, turn.id);
}

/** Follow the branch of this turn. */
export function choose(tree: Tree, id: string): Tree {
  const turn = find(tree, id);
  return turn ? { ...tree, chosen: { ...tree.chosen, [turn.parent ?? ROOT]: id } } : tree;
}

/** With another answer in the place of this one's. */
export function withAnswer(tree: Tree, id: string, change: (answer: Answer) => Answer): Tree {
  return {
    ...tree,
    turns: tree.turns.map((turn) => (turn.id === id && turn.role === "assistant" ? { ...turn, answer: change(turn.answer) } : turn)),
  };
}

/** As it was kept: what was still coming then will come no more. */
export function restored(tree: Tree): Tree {
  return {
    ...tree,
    turns: tree.turns.map((turn) => (turn.role === "assistant" ? { ...turn, answer: ended(turn.answer, "lost", null) } : turn)),
  };
}

export function isRunning(tree: Tree): boolean {
  return tree.turns.some((turn) => turn.role === "assistant" && turn.answer.status === "running");
}

function childrenOf(tree: Tree, parent: string | null): Turn[] {
  return tree.turns.filter((turn) => turn.parent === parent);
}

function chosenAfter(tree: Tree, parent: string | null): Turn | undefined {
  const children = childrenOf(tree, parent);
  return children.find((turn) => turn.id === tree.chosen[parent ?? ROOT]) ?? children.at(-1);
}
