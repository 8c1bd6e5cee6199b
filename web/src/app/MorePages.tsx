import { Drawer } from "@mantine/core";
import type { ReactNode } from "react";

import { useT } from "./i18n";

/** On a phone: the pages that have no place at the bottom. */
export default function MorePages({ opened, onClose, children }: { opened: boolean; onClose: () => void; children: ReactNode }) {
  const t = useT();
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size={264} title={t("morePages")} hiddenFrom="sm">
      {children}
    </Drawer>
  );
}
