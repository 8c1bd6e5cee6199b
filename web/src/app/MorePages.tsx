import { Drawer } from "@mantine/core";
import type { ReactNode } from "react";

import { useT } from "./i18n";

/** On a phone: the pages that have no place at the bottom. */
export default function MorePages({ opened, onClose, children }: { opened: boolean; onClose: () => void; children: ReactNode }) {
  const t = useT();
  // Not once another page is there: one that comes late would close what was opened meanwhile.
  const left = (event: React.MouseEvent) => {
    if (event.target instanceof Element && event.target.closest("a") !== null) onClose();
  };
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size={264} title={t("morePages")} hiddenFrom="sm">
      <div onClick={left}>{children}</div>
    </Drawer>
  );
}
