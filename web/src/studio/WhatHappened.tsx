import { Code, Stack, Text } from "@mantine/core";

import { useFormat } from "@/i18n";
import { ApiError } from "@/lib/errors";
import { ErrorBox } from "@/ui/ErrorBox";

import { useT } from "./i18n";
import type { Task } from "./task";
import { useProblemWords } from "./useProblemWords";

/** The error as it came, and what to make of it. */
export function WhatHappened({ task, onRetry }: { task: Task; onRetry: () => void }) {
  const t = useT();
  const format = useFormat();
  const { title, hint } = useProblemWords(task);
  if (task.problem === null) {
    return task.status === "cancelled" || task.status === "interrupted" ? (
      <Text size="sm" c="dimmed">
        {title}. {hint}
      </Text>
    ) : null;
  }
  const raw = task.problem.raw === undefined || task.problem.raw === "" ? JSON.stringify(task.problem, null, 2) : task.problem.raw;
  return (
    <ErrorBox error={new ApiError({ requestId: task.requestId, ...task.problem, raw })} title={title} onRetry={onRetry}>
      <Stack gap={6} mt={6}>
        {hint && (
          <Text size="sm" data-testid="hint">
            <strong>{t("likely")}</strong> {hint}
          </Text>
        )}
        <Text size="xs" c="dimmed" component="div">
          {t("cameSoFar", { previews: task.partials, beats: task.heartbeats })}
          {task.lastSignAt !== null && task.startedAt !== null && (
            <>
              {" "}
              {t("lastSign")} <Code>{format.duration(task.lastSignAt - task.startedAt)}</Code>
            </>
          )}
        </Text>
      </Stack>
    </ErrorBox>
  );
}
