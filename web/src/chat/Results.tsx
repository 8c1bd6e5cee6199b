import { Button, Stack, Textarea } from "@mantine/core";
import { IconArrowUp } from "@tabler/icons-react";
import { useState } from "react";

import { useT } from "./i18n";
import type { Call, Result } from "./types";

/** Where the user plays the tools: one field for each call, and the answer goes on. */
export function ResultsForm({ calls, onSend }: { calls: readonly Call[]; onSend: (results: Result[]) => void }) {
  const t = useT();
  const [texts, setTexts] = useState<Record<string, string>>({});
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSend(calls.map((call) => ({ call: call.id, name: call.name, text: texts[call.key] ?? "" })));
      }}
    >
      <Stack gap="xs">
        {calls.map((call) => (
          <Textarea
            key={call.key}
            label={t("resultOf", { name: call.name || t("unnamed") })}
            placeholder={t("resultHint")}
            autosize
            minRows={1}
            maxRows={8}
            value={texts[call.key] ?? ""}
            onChange={(event) => {
              const { value } = event.currentTarget;
              setTexts((all) => ({ ...all, [call.key]: value }));
            }}
          />
        ))}
        <Button type="submit" size="xs" variant="light" leftSection={<IconArrowUp size={15} aria-hidden />} style={{ alignSelf: "flex-start" }}>
          {t("sendResults", { n: calls.length })}
        </Button>
      </Stack>
    </form>
  );
}
