// Before anything is drawn: the reader's own choice of light and dark, and the word that scripts run.
document.documentElement.classList.add("js");
try {
  const chosen = localStorage.getItem("restorelab-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing: the system's choice holds */ }
