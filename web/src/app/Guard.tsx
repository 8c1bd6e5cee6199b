import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";

import { asApiError } from "@/lib/errors";
import { ErrorBox } from "@/ui/ErrorBox";
import { Page } from "@/ui/Page";

import { useT } from "./i18n";

/** Keeps a page that broke, or whose program could not be loaded, from taking the rest with it. */
export class Guard extends Component<{ children: ReactNode }, { thrown?: unknown }> {
  static getDerivedStateFromError(thrown: unknown) {
    return { thrown };
  }

  override state: { thrown?: unknown } = {};

  override render() {
    return "thrown" in this.state ? <Broken thrown={this.state.thrown} /> : this.props.children;
  }
}

/** The gateway may have been upgraded meanwhile, and then has other files. */
function Broken({ thrown }: { thrown: unknown }) {
  const t = useT();
  return (
    <Page title={t("broken")}>
      <ErrorBox
        error={asApiError(thrown)}
        title={t("brokenWhy")}
        actions={
          <Button size="xs" onClick={() => window.location.reload()}>
            {t("loadAgain")}
          </Button>
        }
      />
    </Page>
  );
}
