import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { useEffect } from "react";
import { BrowserRouter } from "react-router";

import { useLanguage } from "@/i18n";

import { nonce } from "./nonce";
import { Pages } from "./Pages";
import { theme, variables } from "./theme";

export function App() {
  const language = useLanguage();
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={nonce}>
      <Notifications position="bottom-right" />
      <BrowserRouter>
        <Pages />
      </BrowserRouter>
    </MantineProvider>
  );
}
