import { Alert, Center, Loader, Stack } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";

import type { ApiError, RequestRecord } from "@/lib/api";
import type { Loaded } from "@/lib/useApi";
import { RecordView } from "@/records/RecordView";
import { Card } from "@/ui/Card";
import { EmptyState } from "@/ui/EmptyState";
import { ErrorBox } from "@/ui/ErrorBox";

import { useT } from "./i18n";

/** A stream without a timeline: what its record says, if there is one. `error`: why there is no timeline. */
export function Forgotten({ error, recorded }: { error: ApiError; recorded: Loaded<RequestRecord> }) {
  const t = useT();
  const { data: record, error: noRecord } = recorded;
  const isForgotten = error.status === 404;
  if (record === undefined && noRecord === undefined) {
    return (
      <Center py={64}>
        <Loader type="dots" />
      </Center>
    );
  }
  return (
    <Stack gap="md">
      {!isForgotten && <ErrorBox error={error} title={t("noTimeline")} />}
      {record !== undefined ? (
        <>
          {isForgotten && (
            <Alert color="gate" variant="light" role="status" icon={<IconHistory size={20} aria-hidden />} title={t("forgotten")}>
              {t("forgottenWhy")}
            </Alert>
          )}
          <Card title={t("record")}>
            <RecordView record={record} hasTimeline={false} />
          </Card>
        </>
      ) : (
        isForgotten && (
          <EmptyState title={t("gone")}>
            {t("goneWhy")} {noRecord?.status === 404 ? t("goneNoRecord") : noRecord && t("goneRecordAway", { why: noRecord.message })}
          </EmptyState>
        )
      )}
    </Stack>
  );
}
