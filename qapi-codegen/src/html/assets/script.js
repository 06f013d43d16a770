// Theme, search, and where the reader is. Pages are complete without it.
"use strict";

(() => {
  const root = document.documentElement;

  // A page opened from disk may have no storage.
  const stored = {
    get() {
      try { return localStorage.getItem("qapi-theme"); } catch { return null; }
    },
    set(value) {
      try { localStorage.setItem("qapi-theme", value); } catch { /* it lasts for this page */ }
    },
  };

  const THEMES = ["auto", "light", "dark"];
  let theme = THEMES.includes(stored.get()) ? stored.get() : "auto";

  function showTheme() {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  }

  // Before anything is drawn.
  showTheme();

  function setUpTheme() {
    const button = document.getElementById("theme");
    const name = () => {
      button.textContent = theme[0].toUpperCase() + theme.slice(1);
      button.setAttribute("aria-label", `Theme: ${button.textContent}`);
    };
    name();
    button.hidden = false;
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      stored.set(theme);
      showTheme();
      name();
    });
  }

  // The search. Its index is a script that calls this.
  let definitions = null;
  let onLoad = () => {};
  window.qapiDefinitions = (list) => {
    definitions = list.map(([name, kind, address, about, members]) => (
      { name, kind, address, about, members, lower: name.toLowerCase() }
    ));
    onLoad();
  };

  function load() {
    if (document.getElementById("search-index")) return;
    const script = document.createElement("script");
    script.id = "search-index";
    script.src = "search-index.js";
    document.head.append(script);
  }

  const LIMIT = 40;
  const isBoundary = (text, at) => at === 0 || /[^a-z0-9]/i.test(text[at - 1])
    || (/[A-Z]/.test(text[at]) && /[a-z0-9]/.test(text[at - 1]));

  // The smaller, the better; none if the name does not have all words.
  function rank(name, lower, words) {
    let total = 0;
    for (const word of words) {
      const at = lower.indexOf(word);
      if (at < 0) return null;
      if (lower === word) total += 0;
      else if (at === 0) total += 1;
      else if (isBoundary(name, at)) total += 2;
      else total += 3;
    }
    return total * 1000 + name.length;
  }

  function find(query) {
    const words = query.toLowerCase().split(/[\s.]+/).filter(Boolean);
    if (words.length === 0) return [];
    const found = [];
    for (const one of definitions) {
      const own = rank(one.name, one.lower, words);
      if (own !== null) {
        found.push({ order: own + (/^(Command|Event)$/.test(one.kind) ? 0 : 5), text: one.name, kind: one.kind, about: one.about, address: one.address });
      }
      for (const member of one.members) {
        const lower = member.toLowerCase();
        const full = `${one.lower}.${lower}`;
        if (!words.every((word) => full.includes(word)) || !words.some((word) => lower.includes(word))) continue;
        const order = rank(member, lower, words.filter((word) => lower.includes(word)));
        found.push({
          order: order + 10000,
          text: `${one.name}.${member}`,
          kind: one.kind === "Enum" ? "Value" : "Member",
          about: one.about,
          address: `${one.address}.${member}`,
        });
      }
      const about = one.about.toLowerCase();
      if (own === null && words.every((word) => about.includes(word))) {
        found.push({ order: 30000 + one.name.length, text: one.name, kind: one.kind, about: one.about, address: one.address });
      }
    }
    found.sort((a, b) => a.order - b.order || (a.text < b.text ? -1 : 1));
    return found.slice(0, LIMIT);
  }

  function marked(text, words) {
    const out = document.createElement("code");
    const lower = text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      const word = words.find((one) => lower.startsWith(one, at));
      const length = word ? word.length : 1;
      if (word) {
        const mark = document.createElement("mark");
        mark.textContent = text.slice(at, at + length);
        out.append(mark);
      } else {
        out.append(text[at]);
      }
      at += length;
    }
    return out;
  }

  function item(result, index, words) {
    const link = document.createElement("a");
    link.id = `result-${index}`;
    link.href = result.address;
    link.tabIndex = -1;
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", "false");
    const name = document.createElement("span");
    name.className = "name";
    const kind = document.createElement("span");
    kind.className = "kind";
    kind.textContent = result.kind;
    name.append(marked(result.text, words), kind);
    link.append(name);
    if (result.about) {
      const about = document.createElement("span");
      about.className = "about";
      about.textContent = result.about;
      link.append(about);
    }
    return link;
  }

  function setUpSearch() {
    const place = document.getElementById("search");
    const input = document.createElement("input");
    Object.assign(input, { type: "search", placeholder: "Search", autocomplete: "off", spellcheck: false });
    const list = document.createElement("div");
    list.id = "results";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Results");
    const attributes = {
      "aria-label": "Search commands, events, types and members",
      "aria-controls": "results", "aria-expanded": "false", "aria-autocomplete": "list", role: "combobox",
    };
    for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
    const hint = document.createElement("kbd");
    hint.textContent = "/";
    place.append(input, hint, list);
    place.hidden = false;

    let selected = -1;
    function select(index) {
      const lines = list.querySelectorAll("[role=option]");
      lines[selected]?.setAttribute("aria-selected", "false");
      selected = lines.length === 0 ? -1 : (index + lines.length) % lines.length;
      lines[selected]?.setAttribute("aria-selected", "true");
      lines[selected]?.scrollIntoView({ block: "nearest" });
      if (selected < 0) input.removeAttribute("aria-activedescendant");
      else input.setAttribute("aria-activedescendant", lines[selected].id);
    }
    function show(visible) {
      list.hidden = !visible;
      input.setAttribute("aria-expanded", String(visible));
    }
    function update() {
      const query = input.value.trim();
      if (!query) return show(false);
      if (!definitions) return load();
      const words = query.toLowerCase().split(/[\s.]+/).filter(Boolean);
      const lines = find(query).map((result, index) => item(result, index, words));
      if (lines.length === 0) {
        const none = document.createElement("p");
        none.className = "none";
        none.textContent = "Nothing found";
        lines.push(none);
      }
      list.replaceChildren(...lines);
      selected = -1;
      select(0);
      show(true);
    }
    onLoad = update;

    input.addEventListener("focus", () => { load(); update(); });
    input.addEventListener("input", update);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") select(selected + 1);
      else if (event.key === "ArrowUp") select(selected - 1);
      else if (event.key === "Enter") list.querySelector("[aria-selected=true]")?.click();
      else if (event.key === "Escape") { show(false); input.blur(); }
      else return;
      event.preventDefault();
    });
    list.addEventListener("click", () => { show(false); input.blur(); });
    document.addEventListener("click", (event) => {
      if (!place.contains(event.target)) show(false);
    });
    document.addEventListener("keydown", (event) => {
      const typing = /^(input|textarea|select)$/i.test(event.target.tagName ?? "");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        input.focus();
        input.select();
      }
    });
  }

  // What a link leads to may be folded away.
  function reveal() {
    let target = null;
    try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { return; }
    if (!target || target.id === "contents") return;
    let folded = false;
    for (let at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS" && !at.open) { at.open = true; folded = true; }
    }
    if (folded) target.scrollIntoView();
  }

  // The definition at the top of the window is marked in the contents.
  function follow() {
    const links = new Map();
    for (const link of document.querySelectorAll("#contents .inside a")) {
      links.set(decodeURIComponent(new URL(link.href).hash.slice(1)), link);
    }
    const places = [...document.querySelectorAll(".definition, main h2[id]")].filter((one) => links.has(one.id));
    const contents = document.getElementById("contents");
    let here = null;
    let waiting = false;
    function update() {
      waiting = false;
      const line = window.innerHeight / 4;
      let low = 0;
      let high = places.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (places[middle].getBoundingClientRect().top <= line) low = middle + 1;
        else high = middle;
      }
      const link = low > 0 ? links.get(places[low - 1].id) : null;
      if (link === here) return;
      here?.classList.remove("here");
      here = link;
      if (!here) return;
      here.classList.add("here");
      const [box, frame] = [here.getBoundingClientRect(), contents.getBoundingClientRect()];
      if (box.top < frame.top || box.bottom > frame.bottom) {
        contents.scrollTop += box.top - frame.top - frame.height / 3;
      }
    }
    const soon = () => {
      if (!waiting) { waiting = true; requestAnimationFrame(update); }
    };
    window.addEventListener("scroll", soon, { passive: true });
    const current = contents.querySelector("[aria-current=page]");
    if (current) contents.scrollTop = Math.max(0, current.offsetTop - contents.clientHeight / 3);
    update();
  }

  document.addEventListener("DOMContentLoaded", () => {
    setUpTheme();
    setUpSearch();
    reveal();
    follow();
    window.addEventListener("hashchange", reveal);
    // On a phone, the contents are a page of their own until something is chosen.
    document.getElementById("contents").addEventListener("click", (event) => {
      const link = event.target.closest?.("a");
      if (link?.getAttribute("aria-current") === "page" && location.hash === "#contents") location.hash = "#main";
    });
    window.addEventListener("beforeprint", () => {
      for (const one of document.querySelectorAll("details:not([open])")) one.open = true;
    });
  });
})();
