import { Code, Group, Stack, Text, Title } from "@mantine/core";

import { useFormat } from "@/i18n";
import type { Body } from "@/lib/api";
import { useApi } from "@/lib/useApi";
import { Async } from "@/ui/Async";
import { CopyButton } from "@/ui/CopyButton";

import { laidOut } from "./course";
import { useT } from "./i18n";
import classes from "./Records.module.css";

/** What was asked and answered, if it was kept. */
export function CaptureView({ id }: { id: string }) {
  const t = useT();
  const loaded = useApi("/api/records/{request_id}/capture", { path: { request_id: id } });
  if (loaded.error?.status === 404) return <Text c="dimmed">{t("captureNone")}</Text>;
  return (
    <Async from={loaded}>
      {(capture) => (
        <Stack component="section">
          <div>
            <Title order={3} size="h5">
              {t("capture")}
            </Title>
            {capture.redacted > 0 && (
              <Text size="sm" c="dimmed">
                {t("captureRedacted", { n: capture.redacted })}
              </Text>
            )}
          </div>
          <Shown title={`${capture.method} ${capture.path}`} body={capture.request} />
          <Headers headers={capture.headers} />
          <Shown title={`${t("answer")} · ${capture.response_type} · ${t("captureTiming", { n: capture.timing.length })}`} body={capture.response} />
        </Stack>
      )}
    </Async>
  );
}

function Headers({ headers }: { headers: [string, string][] }) {
  const t = useT();
  return (
    <details>
      <summary>{t("captureHeaders")}</summary>
      <Code block mt="xs" className={classes.body ?? ""} tabIndex={0}>
        {headers.map(([name, value]) => `${name}: ${value}`).join("\n")}
      </Code>
    </details>
  );
}

function Shown({ title, body }: { title: string; body: Body }) {
  const t = useT();
  const format = useFormat();
  const text = body.text === null ? null : laidOut(body.text);
  return (
    <div>
      <Group gap="xs" mb={4}>
        <Text size="sm" fw={600}>
          {title}
        </Text>
        {text && <CopyButton value={text} />}
      </Group>
      {text === null ? (
        <Text size="sm" c="dimmed">
          {t("captureBinary", { size: format.bytes(body.size) })}
        </Text>
      ) : (
        <Code block className={classes.body ?? ""} tabIndex={0}>
          {text || t("captureEmpty")}
        </Code>
      )}
      {!body.complete && (
        <Text size="sm" c="var(--sw-warn)">
          {t("captureCut", { size: format.bytes(body.size) })}
        </Text>
      )}
    </div>
  );
}
