import { messages } from "@/i18n";

import { en } from "./messages.en";
import { zh } from "./messages.zh";

export const useT = messages({ en, zh });
