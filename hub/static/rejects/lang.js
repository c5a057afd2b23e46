// The rejects page's own texts, beside the board's.

import ar from "./lang/ar.js";
import de from "./lang/de.js";
import en from "./lang/en.js";
import es from "./lang/es.js";
import fr from "./lang/fr.js";
import hi from "./lang/hi.js";

export const TEXTS = { en, de, fr, es, hi, ar };
