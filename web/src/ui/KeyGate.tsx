import { lazy, type ReactNode, Suspense } from "react";

import { admin } from "@/lib/admin";
import { useStore } from "@/lib/persisted";

// Most people open the console on the machine itself, and never see it.
const KeyForm = lazy(() => import("./KeyForm"));

/** Its children; or, once `/api` wants an admin key, the question for it. */
export function KeyGate({ children }: { children: ReactNode }) {
  const { locked, turn } = useStore(admin);
  if (!locked) return children;
  return (
    <Suspense fallback={null}>
      <KeyForm key={turn} />
    </Suspense>
  );
}
