// Before anything is painted: the appearance that was chosen.
(() => {
  "use strict";
  try {
    const theme = localStorage.getItem("strata-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* without storage it follows the system */ }
})();
