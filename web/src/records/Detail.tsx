import { Drawer } from "@mantine/core";

import { useApi } from "@/lib/useApi";
import { Async } from "@/ui/Async";

import { useT } from "./i18n";
import { RecordView } from "./RecordView";

/** All that is known of one request, beside the list. */
export function Detail({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useT();
  const loaded = useApi("/api/records/{request_id}", { path: { request_id: id } });
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={t("detail")} closeButtonProps={{ "aria-label": t("close") }}>
      <Async from={loaded}>{(record) => <RecordView record={record} hasTimeline />}</Async>
    </Drawer>
  );
}
