import { Anchor } from "@mantine/core";
import { IconCompassOff } from "@tabler/icons-react";
import { Link } from "react-router";

import { EmptyState } from "@/ui/EmptyState";
import { Page } from "@/ui/Page";

import { useT } from "./i18n";

/** For an address that no page has. */
export function NotFound() {
  const t = useT();
  return (
    <Page title={t("nothingHere")}>
      <EmptyState icon={IconCompassOff} title={t("nothingHereWhy")}>
        <Anchor component={Link} to="/">
          {t("toOverview")}
        </Anchor>
      </EmptyState>
    </Page>
  );
}
