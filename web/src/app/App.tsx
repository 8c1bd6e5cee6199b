import { MantineProvider } from "@mantine/core";
import { useEffect, useMemo } from "react";
import { BrowserRouter } from "react-router";

import { useLanguage } from "@/i18n";

import { useT } from "./i18n";
import { nonce } from "./nonce";
import { Notices } from "./Notices";
import { Pages } from "./Pages";
import { themeWith, variables } from "./theme";

export function App() {
  const t = useT();
  const language = useLanguage();
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const theme = useMemo(() => themeWith({ close: t("close"), remove: t("removeOne"), clear: t("clear") }), [t]);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={nonce}>
      <Notices />
      <BrowserRouter>
        <Pages />
      </BrowserRouter>
    </MantineProvider>
  );
}
