import { lazy, type ReactNode, Suspense } from "react";

import { store, useStore } from "@/lib/persisted";

const Confirmation = lazy(() => import("./Confirmation"));

export interface Question {
  title: string;
  /** What will happen. */
  text?: ReactNode;
  /** What the button says that does it: a verb. */
  yes: string;
  /** It destroys something. */
  danger?: boolean;
}

const asked = store<{ question: Question; answer: (yes: boolean) => void; open: boolean } | undefined>(undefined);

/** Ask before something that can't be undone: `if (await confirm({ title, yes, danger: true })) …`. */
export function confirm(question: Question): Promise<boolean> {
  asked.get()?.answer(false);
  return new Promise((resolve) => asked.set({ question, answer: resolve, open: true }));
}

/** Where the questions appear: once, in the shell. */
export function Confirmations() {
  const current = useStore(asked);
  const close = (yes: boolean) => {
    current?.answer(yes);
    asked.set((before) => before && { ...before, open: false });
  };
  return current === undefined ? null : (
    <Suspense fallback={null}>
      <Confirmation question={current.question} open={current.open} onAnswer={close} />
    </Suspense>
  );
}
