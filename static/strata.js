// Small conveniences. Every page works without them.
(() => {
  "use strict";
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem("strata-theme") || "auto"; } catch { return "auto"; } };
  const show = (theme) => {
    if (theme === "auto") root.removeAttribute("data-theme"); else root.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
    }
  };
  show(stored());

  for (const choices of document.querySelectorAll("fieldset.theme")) choices.hidden = false;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.addEventListener("click", () => {
      try { localStorage.setItem("strata-theme", button.dataset.themeChoice); } catch { /* it holds for this page */ }
      show(button.dataset.themeChoice);
    });
  }

  // "/" goes to the search box, Escape leaves an open menu.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const find = document.getElementById("find");
      if (find) { event.preventDefault(); find.focus(); find.select(); }
    }
    if (event.key === "Escape") {
      const open = document.querySelector("details.account[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    }
  });
  document.addEventListener("click", (event) => {
    const open = document.querySelector("details.account[open]");
    if (open && !open.contains(event.target)) open.open = false;
  });

  // Whoever types a value means to set it.
  document.addEventListener("input", (event) => {
    const value = event.target.closest("[data-sets]");
    if (value) document.getElementById(value.dataset.sets).checked = true;
    mark(event.target.closest("form[data-guarded]"));
  });

  // A form with changes says how many, and asks before it is left.
  const names = (row) => [...row.querySelectorAll("input, select, textarea")].filter((field) => field.name);
  const isChanged = (field) => {
    if (field.type === "hidden") return false;
    if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") return [...field.options].some((option) => option.selected !== option.defaultSelected && (option.selected || option.defaultSelected));
    return field.value !== field.defaultValue;
  };
  function mark(form) {
    if (!form) return;
    let count = 0;
    for (const row of form.querySelectorAll("[data-row]")) {
      const changed = names(row).some(isChanged);
      row.classList.toggle("changed", changed);
      if (changed) count += 1;
    }
    const bar = form.querySelector("[data-changes]");
    if (bar) bar.textContent = count ? bar.dataset.changes.replace("%d", count) : bar.dataset.none;
    form.dataset.dirty = count ? "yes" : "";
  }
  for (const form of document.querySelectorAll("form[data-guarded]")) {
    mark(form);
    form.addEventListener("submit", () => { form.dataset.dirty = ""; });
  }
  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-dirty='yes']")) event.preventDefault();
  });

  // Pickers: names as one types.
  for (const input of document.querySelectorAll("input[data-suggest]")) {
    const list = document.getElementById(input.getAttribute("list"));
    let asked = "";
    input.addEventListener("input", async () => {
      const text = input.value.trim();
      if (!text || text === asked) return;
      asked = text;
      const address = new URL(input.dataset.suggest, location.href);
      address.searchParams.set("q", text);
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok || asked !== text) return;
      const { results } = await answer.json();
      list.replaceChildren(...results.map((found) => {
        const option = document.createElement("option");
        option.value = found.reference;
        option.label = found.label;
        return option;
      }));
    });
  }

  // Copy what is shown once.
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent.trim());
      button.textContent = button.dataset.done;
    });
  }
})();
