import { Center, Loader, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import type { Loaded } from "@/lib/useApi";

import { useT } from "./i18n";
import { ErrorBox } from "./ErrorBox";

/** What was asked of the gateway, once it is there: waiting, what went wrong, or `children(data)`. */
export function Async<T>({ from, children }: { from: Loaded<T>; children: (data: T) => ReactNode }) {
  const t = useT();
  const { data, error, reload } = from;
  const title = error?.status === 403 ? t("forbidden") : undefined;
  const problem = error && (
    <ErrorBox error={error} onRetry={reload} title={title}>
      {title && t("forbiddenWhy")}
    </ErrorBox>
  );
  if (data !== undefined) {
    // An answer that is a little old is better than none.
    return (
      <Stack gap="md">
        {problem}
        {children(data)}
      </Stack>
    );
  }
  return (
    problem ?? (
      <Center py={64}>
        <Loader type="dots" aria-label={t("loading")} />
      </Center>
    )
  );
}
