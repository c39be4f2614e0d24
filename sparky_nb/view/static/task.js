// Draws the picture of one task (view/model.py) and keeps it up to date.
// Every text from the log is set through textContent; styles come from a fixed vocabulary.

const ENDED = new Set(["completed", "failed", "cancelled", "lost"]);
const PING_MS = 15000;
const SIGNS = { running: "", success: "✓", error: "✗", denied: "⊘" };
const WORD = /^(?:[bdiusel]|[fg](?:1[0-5]|[0-9]))$/;
const HEX = /^([fg])(#[0-9a-f]{6})$/;

export function duration(ms, live) {
  if (!live && ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (!live && ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  let s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const days = Math.floor(s / 86400);
  s %= 86400;
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  const clock = hours || days ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
  return days ? `${days} d ${clock}` : clock;
}

function h(tag, cls, props, ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  for (const [key, value] of Object.entries(props || {})) {
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function runs(found) {
  return (found || []).map(([text, style]) => {
    if (!style) return document.createTextNode(text);
    const span = document.createElement("span");
    span.textContent = text;
    for (const word of style.split(" ")) {
      const hex = HEX.exec(word);
      if (hex && hex[1] === "f") span.style.color = `color-mix(in srgb, ${hex[2]} 82%, currentColor)`;
      else if (hex) span.style.backgroundColor = `${hex[2]}55`;
      else if (WORD.test(word)) span.classList.add(`a-${word}`);
    }
    return span;
  });
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Whether a list is scrolled to its end, where it then stays.
function low(node) {
  return node.scrollHeight - node.scrollTop - node.clientHeight < 24;
}

export function draw(model, el, css) {
  if (!document.getElementById("sparky-nb-task")) {
    document.head.append(h("style", "", { id: "sparky-nb-task", text: css }));
  }
  let skew = 0;
  const asked = new Map();
  let heardAt = Date.now();
  const send = (message) => {
    try {
      model.send(message);
    } catch {
      // The kernel that fed this view is gone; the note below says so.
    }
  };
  const now = () => Date.now() + skew;
  const head = () => model.get("head") || {};

  const label = h("span", "label", { role: "status", "aria-live": "polite" });
  const name = h("span", "name");
  const time = h("span", "time", { role: "timer", "aria-live": "off" });
  const used = h("span", "time");
  const cancel = h("button", "cancel", {
    type: "button",
    text: "Cancel",
    onclick: () => {
      cancel.disabled = true;
      send({ type: "cancel" });
    },
  });
  const notes = h("div", "notes", { role: "status", "aria-live": "polite" });
  const failure = h("div", "note failure", { role: "alert" });
  const bars = h("div", "bars");
  const question = h("form", "question");
  const entries = h("ol", "entries", { tabindex: "0", "aria-label": "What it did last" });
  const output = h("pre", "output", { tabindex: "0", "aria-label": "Output" });
  const ending = h("div", "ending");
  const silence = h("div", "note", { role: "status", "aria-live": "polite" });
  const message = messageForm();
  const foot = h("div", "foot");
  const root = h("div", "sparky-task", { role: "group" },
    h("div", "head", {}, h("span", "dot", { "aria-hidden": "true" }), label, name, time, used, cancel),
    notes, silence, bars, question, entries, output, ending, message, failure, foot);
  // Keys that are typed here are not the notebook's shortcuts.
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  root.addEventListener("keydown", (event) => event.stopPropagation());

  function messageForm() {
    const input = h("input", "", { type: "text", "aria-label": "Message", placeholder: "Send a message…" });
    return h("form", "say", {
      onsubmit: (event) => {
        event.preventDefault();
        if (input.value.trim()) send({ type: "message", text: input.value });
        input.value = "";
      },
    }, input, h("button", "", { type: "submit", text: "Send" }));
  }

  function drawHead() {
    const it = head();
    const ended = ENDED.has(it.state);
    root.dataset.state = it.cancelling ? "cancelling" : it.state;
    root.setAttribute("aria-label", `Task ${it.name}`);
    set(label, it.label || "");
    set(name, it.name || "");
    name.title = it.name || "";
    set(used, it.usage || "");
    cancel.hidden = ended || it.cancelling;
    message.hidden = ended || it.kind !== "agent";
    const words = [];
    if (it.not_durable) words.push("Not durable: what it says now can’t be stored yet.");
    if (it.notice) words.push(it.notice);
    if (notes.dataset.words !== words.join("\n")) {
      notes.dataset.words = words.join("\n");
      notes.replaceChildren(...words.map((text) => h("div", "note", { text })));
    }
    const parts = [it.task_id];
    if (it.chat_id) parts.push(`chat ${it.chat_id}`);
    if (it.attempt > 1) parts.push(`attempt ${it.attempt}`);
    set(foot, parts.join(" · "));
    tick();
  }

  // The clock must not go on as if all were well when the kernel that feeds it has gone.
  function listen() {
    const it = head();
    if (ENDED.has(it.state)) return set(silence, "");
    if (Date.now() - heardAt > 2.5 * PING_MS) {
      set(silence, `No word from the kernel for ${duration(Date.now() - heardAt, true)}: it is busy or gone. What the task does is kept: %sparky watch ${it.task_id}`);
    }
    send({ type: "ping" });
  }

  function heardNow() {
    heardAt = Date.now();
    set(silence, "");
  }

  function drawBars() {
    const found = model.get("bars") || [];
    while (bars.children.length > found.length) bars.lastChild.remove();
    found.forEach((bar, n) => {
      const row = bars.children[n] || bars.appendChild(newBar());
      const known = bar.fraction !== null;
      const percent = Math.floor((bar.fraction || 0) * 100);
      const track = row.firstChild;
      track.firstChild.style.width = known ? `${(bar.fraction * 100).toFixed(2)}%` : "";
      track.classList.toggle("unknown", !known);
      const title = bar.key === "main" ? bar.label || "Progress" : bar.key;
      track.setAttribute("aria-label", title);
      track.setAttribute("aria-valuetext", bar.count);
      if (known) track.setAttribute("aria-valuenow", percent);
      else track.removeAttribute("aria-valuenow");
      const [words, numbers] = row.lastChild.children;
      set(words, bar.key === "main" ? bar.label : bar.label ? `${bar.key}: ${bar.label}` : bar.key);
      numbers.dataset.count = known ? `${percent} % · ${bar.count}` : bar.count;
    });
    tick();
  }

  function newBar() {
    const track = h("div", "track", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, h("div"));
    return h("div", "bar", {}, track, h("div", "line", {}, h("span", "words"), h("span", "numbers")));
  }

  function tick() {
    const it = head();
    const ended = ENDED.has(it.state);
    const begun = it.started === null ? it.created : it.started;
    if (it.duration_ms !== null && it.duration_ms !== undefined) set(time, duration(it.duration_ms));
    else if (ended) set(time, duration(Math.max(0, it.ended - begun)));
    else set(time, duration(now() - begun, true));
    (model.get("bars") || []).forEach((bar, n) => {
      const row = bars.children[n];
      if (!row) return;
      const numbers = row.lastChild.lastChild;
      const words = [numbers.dataset.count];
      if (bar.rate) words.push(bar.rate);
      if (!ended && bar.left_ms !== null) {
        words.push(`${duration(Math.max(0, bar.left_ms - Math.max(0, now() - bar.time)), true)} left`);
      }
      set(numbers, words.join(" · "));
    });
  }

  function drawQuestion() {
    const it = model.get("question");
    question.hidden = !it || !it.question_id;
    if (question.hidden) {
      question.dataset.id = "";
      question.replaceChildren();
      return;
    }
    if (question.dataset.id === it.question_id) return;
    question.dataset.id = it.question_id;
    const answer = (how) => {
      for (const node of question.querySelectorAll("button, input")) node.disabled = true;
      send({ type: "answer", question_id: it.question_id, ...how });
    };
    const prompt = h("div", "prompt", { text: it.prompt, role: "status", "aria-live": "polite" });
    if (it.choices.length) {
      const buttons = it.choices.map((text, choice) =>
        h("button", "choice", { type: "button", text, onclick: () => answer({ choice }) }));
      question.replaceChildren(prompt, h("div", "choices", { role: "group", "aria-label": "Answer" }, ...buttons));
      question.onsubmit = (event) => event.preventDefault();
    } else {
      const input = h("input", "", { type: "text", "aria-label": "Answer", placeholder: "Your answer…" });
      question.replaceChildren(prompt, h("div", "choices", {}, input, h("button", "", { type: "submit", text: "Answer" })));
      question.onsubmit = (event) => {
        event.preventDefault();
        answer({ text: input.value });
      };
    }
  }

  function drawEntries() {
    const found = model.get("entries") || [];
    entries.hidden = !found.length;
    const stick = low(entries);
    const old = new Map([...entries.children].map((node) => [node.dataset.at, node]));
    const nodes = found.map((entry) => {
      const was = old.get(String(entry.at));
      const same = JSON.stringify(entry);
      if (was && was.sparkyEntry === same) return was;
      const node = newEntry(entry);
      node.dataset.at = entry.at;
      node.sparkyEntry = same;
      const open = was && was.querySelector("details");
      const details = node.querySelector("details");
      if (open && details) details.open = open.open;
      return node;
    });
    // Nodes that stay are not moved, so that focus and open cards stay as they are.
    for (const node of [...entries.children]) if (!nodes.includes(node)) node.remove();
    nodes.forEach((node, n) => {
      if (entries.children[n] !== node) entries.insertBefore(node, entries.children[n] || null);
    });
    if (stick) entries.scrollTop = entries.scrollHeight;
  }

  function newEntry(entry) {
    const item = h("li", `entry ${KINDS.has(entry.kind) ? entry.kind : "other"}`);
    if (entry.kind === "tool") {
      const status = SIGNS[entry.status] === undefined ? "success" : entry.status;
      const took = entry.duration_ms === null || entry.duration_ms === undefined ? "" : duration(entry.duration_ms);
      const line = [
        h("span", `sign ${status}`, { text: SIGNS[status], role: "img", "aria-label": status }),
        h("span", "called", { text: entry.name }),
        h("span", "args", { text: entry.args || "" }),
        h("span", "took", { text: took }),
      ];
      item.append(h("details", "", {}, h("summary", "row", {}, ...line),
        h("pre", "", { text: [entry.args, entry.text].filter(Boolean).join("\n\n") || "no result" })));
    } else if (entry.kind === "thought") {
      item.append(h("details", "", {}, h("summary", "", { text: "Thought" }), h("div", "said", { text: entry.text })));
    } else {
      if (entry.name) item.append(h("span", "who", { text: entry.name }));
      if (entry.text) item.append(h(entry.kind === "display" ? "pre" : "div", "said", { text: entry.text }));
      if (entry.image) item.append(picture(entry));
    }
    return item;
  }

  function picture(entry) {
    const box = h("div", "image");
    const known = asked.get(entry.at);
    if (known instanceof Blob) place(box, known);
    else {
      asked.set(entry.at, box);
      send({ type: "image", at: entry.at });
    }
    return box;
  }

  function shown(url) {
    URL.revokeObjectURL(url);
    if (entries.dataset.stick) entries.scrollTop = entries.scrollHeight;
  }

  function place(box, blob) {
    if (low(entries)) entries.dataset.stick = "yes";
    else delete entries.dataset.stick;
    const url = URL.createObjectURL(blob);
    const image = h("img", "", { alt: "Figure shown by the task", onload: () => shown(url) });
    image.src = url;
    box.replaceChildren(image);
  }

  function drawOutput() {
    const it = model.get("output") || {};
    const found = it.runs || [];
    output.hidden = !found.length;
    const stick = low(output);
    const cut = it.cut ? [h("span", "a-d", { text: "…\n" })] : [];
    output.replaceChildren(...cut, ...runs(found));
    if (stick) output.scrollTop = output.scrollHeight;
  }

  function drawEnding() {
    const it = model.get("ending") || {};
    const parts = [];
    if (it.error) parts.push(h("div", "error", { text: it.error }));
    if (it.traceback && it.traceback.length) {
      parts.push(h("details", "", { open: "" }, h("summary", "", { text: "Traceback" }), h("pre", "", { tabindex: "0" }, ...runs(it.traceback))));
    }
    if (it.result !== null && it.result !== undefined) {
      parts.push(h("div", "caption", { text: "Result" }), h("pre", "result", { text: it.result, "aria-label": "Result", tabindex: "0" }));
    }
    ending.hidden = !parts.length;
    ending.replaceChildren(...parts);
  }

  function heard(msg, buffers) {
    heardNow();
    if (msg.type === "clock") {
      skew = msg.now - Date.now();
      tick();
    } else if (msg.type === "result") {
      set(failure, msg.ok ? "" : msg.error);
      if (!msg.ok) {
        for (const node of root.querySelectorAll("button, input")) node.disabled = false;
      }
    } else if (msg.type === "image" && buffers && buffers.length) {
      const box = asked.get(msg.at);
      const blob = new Blob([buffers[0]], { type: msg.mime });
      asked.set(msg.at, blob);
      if (box instanceof Node) place(box, blob);
    }
  }

  const parts = { head: drawHead, bars: drawBars, question: drawQuestion, entries: drawEntries, output: drawOutput, ending: drawEnding };
  for (const [key, redraw] of Object.entries(parts)) {
    redraw();
    model.on(`change:${key}`, redraw);
    model.on(`change:${key}`, heardNow);
  }
  model.on("msg:custom", heard);
  el.append(root);
  for (const node of [entries, output]) node.scrollTop = node.scrollHeight;
  send({ type: "hello" });
  const timers = [setInterval(tick, 1000), setInterval(listen, PING_MS)];
  return () => {
    timers.forEach(clearInterval);
    for (const [key, redraw] of Object.entries(parts)) {
      model.off(`change:${key}`, redraw);
      model.off(`change:${key}`, heardNow);
    }
    model.off("msg:custom", heard);
    root.remove();
  };
}

const KINDS = new Set(["tool", "thought", "message", "reply", "display", "other"]);
