// Light or dark: as the system is, or as it was chosen here.

const CHOICE = "taskapi.theme";

/** `system`, `light` or `dark`. */
export const theme = () => localStorage.getItem(CHOICE) ?? "system";

/** Choose one, for this browser. */
export function setTheme(value) {
  if (value === "system") localStorage.removeItem(CHOICE);
  else localStorage.setItem(CHOICE, value);
  applyTheme();
}

/** Whether the page is dark now. */
export const isDark = () => (theme() === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : theme() === "dark");

/** Show what was chosen. */
export function applyTheme() {
  if (theme() === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = theme();
}
