"use strict";
// Texts of models and people, and names of files, become text nodes alone; nothing here writes markup.

const $ = (id) => document.getElementById(id);
const audio = $("audio"), wave = $("wave");
const CODES = `aa ab af am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ceb ch co cr cs cv cy da de dv dz ee el en eo
  es et eu fa ff fi fil fj fo fr fy ga gd gl gn gu gv ha haw he hi ho hr ht hu hy hz id ig ii ik io is it iu ja jv ka kab kg
  ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr
  nv ny oc oj om or os pa pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk
  tl tn to tr ts tt tw ty ug uk ur uz ve vi wa wo xh yi yo yue za zh zu`.split(/\s+/);
const SAMPLE_RATE = 16000; // of the models
const MAX_DRAWN_MB = 150; // a larger file takes gigabytes to decode in a browser
const MAX_EDITS = 3000; // beyond, the rest of two texts counts as different
const MOST_BARS = 4000;

let settings = {}, models = [], results = [];
let file = null; // {blob, name}
let peaks = null, duration = 0, running = [];

// Settings, models, key

const KEY = "mothertongue-key"; // of sessionStorage, which ends with the tab
const remembered = (id) => localStorage.getItem(`mothertongue-${id}`);

function headers() {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

function ask(method, url, body, hooks = {}) {
  // Not fetch(): it says nothing of the progress of an upload.
  const request = new XMLHttpRequest();
  request.open(method, url);
  for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
  if (hooks.upload) request.upload.onprogress = (event) => event.lengthComputable && hooks.upload(event.loaded / event.total);
  if (hooks.part) request.onprogress = () => request.status === 200 && hooks.part(request.responseText);
  const done = new Promise((resolve, reject) => {
    request.onload = () => (request.status === 200 ? resolve(request) : reject(problemOf(request)));
    request.onerror = () => reject(problemOf(request));
    request.onabort = () => reject({ aborted: true });
  });
  request.send(body);
  return { request, done };
}

const PLAIN = {
  0: "The server can't be reached. Is it running?", 400: "The server can't use this.", 401: "The server needs an API key.",
  403: "The server refuses this address.", 404: "The server has no such thing.", 408: "The upload was too slow.",
  413: "The file is larger than the server takes.", 415: "The server can't read this format.",
  500: "The server made an error.", 503: "The server can't do this now.", 504: "The server took too long.",
};
const BY_CODE = {
  language_required: "This model can't tell the language: choose it above.",
  undecodable_audio: "The server can't read this file as audio.",
  audio_too_long: "The recording is longer than the server takes.",
  audio_too_short: "The recording is too short.",
  corrections_unavailable: "The correction is not stored. Your text stays here: send it again later.",
};

function problemOf(request, error = null) {
  let body = {};
  try { body = JSON.parse(request.responseText); } catch { /* a proxy's page, or nothing */ }
  error ??= body.error ?? {};
  const wait = request.getResponseHeader("Retry-After");
  const busy = `The server is busy. Try again in ${wait ?? "a few"} seconds.`;
  return {
    what: BY_CODE[error.code] ?? (request.status === 429 ? busy : PLAIN[request.status] ?? "The server stopped."),
    why: error.message ?? "", status: request.status, code: error.code,
    id: body.request_id || request.getResponseHeader("X-Request-ID") || "",
  };
}

function show({ what, why = "", id = "", status, code }) {
  $("problem").hidden = false;
  $("problem").querySelector(".what").textContent = what;
  $("problem").querySelector(".why").replaceChildren(...explained(why, id));
  if (status === 401) { $("access").hidden = false; $("access").open = true; $("key").focus(); }
  if (code === "language_required") $("language").focus();
}

function explained(why, id) {
  const found = [element("bdi", why)];
  if (id) found.push(why ? " · " : "", "request ", element("code", id));
  return found;
}

function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

const languageName = (code, locale) => new Intl.DisplayNames(locale, { type: "language" }).of(code);

function fillLanguages() {
  const scored = Object.keys(models[0]?.scores ?? {}).filter((one) => one !== "overall");
  const option = (code) => new Option(`${languageName(code, "en")} (${code})`, code);
  const named = CODES.filter((code) => languageName(code, "en") !== code); // not every browser names all
  const codes = [...new Set([...named, ...scored])].map(option).sort((a, b) => a.text.localeCompare(b.text));
  const chosen = remembered("language") ?? (settings.language === "detect" ? "" : settings.language ?? "");
  $("language").replaceChildren(new Option("Detect", ""));
  for (const [label, options] of [["Of your model", scored.map(option)], ["All", codes]]) {
    if (!options.length) continue;
    const group = document.createElement("optgroup");
    group.label = label;
    group.append(...options);
    $("language").append(group);
  }
  $("language").value = chosen;
  if ($("language").selectedIndex < 0) $("language").value = "";
}

function fillModels() {
  const names = models.map((one) => one.id);
  const second = names.includes("base") && names[0] !== "base" ? "base" : names[1] ?? "";
  for (const [number, usual] of [[0, names[0] ?? ""], [1, second]]) {
    const select = $(`model-${number}`), before = remembered(`model-${number}`);
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    if (number) select.prepend(new Option("nothing", ""));
    select.value = names.includes(before) || (number && before === "") ? before : usual;
  }
}

async function begin() {
  try {
    settings = JSON.parse((await ask("GET", "page.json").done).responseText);
    $("access").hidden = !settings.needs_key;
    const minutes = Math.round(settings.max_duration_s / 60);
    $("limits").textContent = `Up to ${minutes} min, ${settings.max_mb} MB.`;
    models = JSON.parse((await ask("GET", "v1/models").done).responseText).data;
    $("access").open = false;
  } catch (problem) {
    if (!problem.what) throw problem;
    show(problem);
  }
  fillLanguages();
  fillModels();
}

$("access").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("key").value.trim());
  $("problem").hidden = true;
  begin();
});
$("problem").querySelector("button").addEventListener("click", () => { $("problem").hidden = true; });
for (const id of ["language", "model-0", "model-1"]) {
  $(id).addEventListener("change", () => {
    localStorage.setItem(`mothertongue-${id}`, $(id).value);
    $("again").classList.toggle("stale", Boolean(file));
  });
}

// A recording or a file

let recorder = null;
$("record").addEventListener("click", () => (recorder ? recorder.stop() : record()));

async function record() {
  let stream;
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch (error) {
    const what = { NotAllowedError: "The browser does not let this page use the microphone.", NotFoundError: "There is no microphone.",
      SecurityError: "Browsers record only from this machine's own server, or over HTTPS." }[error.name];
    show({ what: what ?? "The microphone can't be used.", why: error.message });
    return;
  }
  audio.pause();
  const parts = [], started = performance.now(), label = $("record").querySelector("span");
  const context = new AudioContext(), analyser = context.createAnalyser(), samples = new Float32Array(1024);
  context.createMediaStreamSource(stream).connect(analyser);
  analyser.fftSize = samples.length;
  const meter = setInterval(() => {
    const seconds = (performance.now() - started) / 1000;
    label.textContent = `Stop · ${clock(seconds)}`;
    analyser.getFloatTimeDomainData(samples);
    const loudest = samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
    $("level").firstElementChild.style.transform = `scaleX(${Math.min(1, Math.sqrt(loudest))})`;
    if (seconds >= (settings.max_duration_s ?? Infinity)) recorder?.stop();
  }, 80);
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onstop = () => {
    clearInterval(meter);
    context.close();
    for (const track of stream.getTracks()) track.stop();
    recorder = null;
    $("record").setAttribute("aria-pressed", "false");
    label.textContent = "Record";
    $("level").hidden = true;
    const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
    take(new Blob(parts, { type: parts[0]?.type }), `recording ${time}.wav`, true);
  };
  recorder.start(1000);
  $("record").setAttribute("aria-pressed", "true");
  $("level").hidden = false;
}

$("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) take(target.files[0], target.files[0].name);
  target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", name === "dragover");
    const dropped = name === "drop" ? event.dataTransfer.files[0] : null;
    if (dropped) take(dropped, dropped.name);
  });
}

async function take(blob, name, recorded = false) {
  $("problem").hidden = true;
  if (blob.size > settings.max_mb * 1e6) {
    show({ what: PLAIN[413], why: `${name}: ${(blob.size / 1e6).toFixed(0)} MB, at most ${settings.max_mb} MB` });
    return;
  }
  stopRequests();
  audio.pause();
  const samples = await decoded(blob);
  if (recorded && !samples) { show({ what: "The recording has no sound." }); return; }
  if (recorded) blob = wavOf(samples); // what MediaRecorder writes has no length, and its format depends on the browser
  file = { blob, name };
  peaks = samples && peaksOf(samples);
  duration = samples ? samples.length / SAMPLE_RATE : 0;
  URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(blob);
  $("name").textContent = name;
  $("unplayable").hidden = true;
  $("player").hidden = false;
  follow();
  transcribe();
}

async function decoded(blob) {
  if (blob.size > MAX_DRAWN_MB * 1e6) return null;
  try {
    const context = new OfflineAudioContext(1, 1, SAMPLE_RATE); // which also brings the sound to this rate
    const buffer = await context.decodeAudioData(await blob.arrayBuffer());
    const mono = buffer.getChannelData(0).slice();
    for (let other = 1; other < buffer.numberOfChannels; other++)
      buffer.getChannelData(other).forEach((value, at) => { mono[at] += (value - mono[at]) / (other + 1); });
    return mono;
  } catch {
    return null; // a format that the server may know all the same
  }
}

function wavOf(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const words = (at, text) => [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  words(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); words(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, SAMPLE_RATE, true); view.setUint32(28, 2 * SAMPLE_RATE, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  words(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, at) => view.setInt16(44 + 2 * at, 32767 * Math.max(-1, Math.min(1, value)), true));
  return new Blob([view], { type: "audio/wav" });
}

// Player

const peaksOf = (samples) => {
  const size = Math.max(1, Math.ceil(samples.length / MOST_BARS)), found = new Float32Array(Math.ceil(samples.length / size));
  samples.forEach((value, at) => { const bar = Math.floor(at / size); found[bar] = Math.max(found[bar], Math.abs(value)); });
  return found;
};

function draw() {
  const canvas = wave.firstElementChild, scale = devicePixelRatio || 1;
  const width = (canvas.width = canvas.clientWidth * scale), height = (canvas.height = canvas.clientHeight * scale);
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const step = 4 * scale, num = Math.floor(width / step), loudest = peaks?.reduce((a, b) => Math.max(a, b), 0.01) ?? 1;
  const head = duration ? (audio.currentTime / duration) * width : 0;
  for (let bar = 0; bar < num; bar++) {
    const from = Math.floor((bar / num) * (peaks?.length ?? 0)), to = Math.max(from + 1, Math.floor(((bar + 1) / num) * (peaks?.length ?? 0)));
    let most = 0;
    for (let at = from; peaks && at < to && at < peaks.length; at++) most = Math.max(most, peaks[at]);
    const tall = Math.max(2 * scale, (most / loudest) * (height - 2 * scale));
    pen.fillStyle = style.getPropertyValue(bar * step < head ? "--first" : "--bars");
    pen.beginPath();
    pen.roundRect(bar * step, (height - tall) / 2, step - 1.5 * scale, tall, scale);
    pen.fill();
  }
  pen.fillStyle = style.getPropertyValue("--ink");
  pen.fillRect(Math.min(head, width - 1.5 * scale), 0, 1.5 * scale, height);
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function follow() {
  const now = audio.currentTime;
  $("time").textContent = `${clock(now)} / ${clock(duration)}`;
  wave.ariaValueMax = duration.toFixed(1);
  wave.ariaValueNow = now.toFixed(1);
  wave.ariaValueText = `${now.toFixed(1)} of ${duration.toFixed(1)} seconds`;
  for (const result of results) light(result, now);
  draw();
  if (!audio.paused) requestAnimationFrame(follow);
}

const seek = (seconds) => { if (duration) audio.currentTime = Math.max(0, Math.min(duration, seconds)); };
const playOrPause = () => (audio.paused ? audio.play().catch(() => {}) : audio.pause());

$("play").addEventListener("click", playOrPause);
$("speed").addEventListener("change", () => { audio.playbackRate = +$("speed").value; });
$("again").addEventListener("click", () => transcribe());
for (const name of ["play", "pause", "ended", "seeked", "loadedmetadata"]) {
  audio.addEventListener(name, () => {
    $("play").classList.toggle("playing", !audio.paused);
    $("play").ariaLabel = audio.paused ? "Play" : "Pause";
    if (name === "loadedmetadata") audio.playbackRate = +$("speed").value;
    if (name === "loadedmetadata" && !duration && Number.isFinite(audio.duration)) duration = audio.duration;
    follow();
  });
}
audio.addEventListener("error", () => { $("unplayable").hidden = !audio.src; });
wave.addEventListener("pointerdown", (event) => {
  wave.setPointerCapture(event.pointerId);
  const move = ({ clientX }) => {
    const box = wave.getBoundingClientRect();
    seek(((clientX - box.left) / box.width) * duration);
  };
  move(event);
  wave.onpointermove = move;
  wave.onpointerup = wave.onpointercancel = () => { wave.onpointermove = null; };
});
wave.addEventListener("keydown", (event) => {
  const now = audio.currentTime, steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
  if (event.key in steps) seek(now + steps[event.key]);
  else if (event.key === "Home") seek(0);
  else if (event.key === "End") seek(duration);
  else if (event.key === " " || event.key === "Enter") playOrPause();
  else return;
  event.preventDefault();
});
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

// Transcripts

function stopRequests() {
  for (const request of running) request.abort();
  running = [];
}

function transcribe() {
  stopRequests();
  $("again").classList.remove("stale");
  $("problem").hidden = true;
  const names = [...new Set([$("model-0").value, $("model-1").value])].filter((name, number) => name || !number);
  results = names.map((name, number) => newResult(name, number));
  $("results").replaceChildren(...results.map((result) => result.card));
  $("status").textContent = "Uploading";
  const all = results.map((result) => one(result));
  Promise.all(all).then((found) => {
    if (!found.every(Boolean)) return;
    compare();
    $("status").textContent = `Transcribed: ${results[0].words.length} words`;
  });
}

async function one(result) {
  const form = new FormData(), language = $("language").value, chosen = file;
  for (const [name, value] of [["model", result.model], ["language", language], ["response_format", "verbose_json"], ["stream", "true"]])
    form.append(name, value);
  for (const value of ["word", "segment"]) form.append("timestamp_granularities[]", value);
  form.append("file", chosen.blob, chosen.name);
  let read = 0, done = null, failure = null, drafted = "";
  const part = (text) => {
    for (let end; (end = text.indexOf("\n\n", read)) >= 0; read = end + 2) {
      const line = text.slice(read, end);
      if (!line.startsWith("data: {")) continue;
      const event = JSON.parse(line.slice(6));
      if (event.error) failure = event.error;
      if (event.type === "transcript.text.done") done = event;
      if (event.type !== "transcript.text.delta") continue;
      drafted += event.delta;
      result.list.textContent = drafted;
    }
  };
  const upload = (share) => progress(result, share);
  const { request, done: loaded } = ask("POST", "v1/audio/transcriptions", form, { upload, part });
  running.push(request);
  try {
    part((await loaded).responseText);
    if (failure || !done) throw problemOf(request, failure ?? { message: "the answer ended early" });
  } catch (problem) {
    result.card.querySelector(".bar").hidden = true;
    if (problem.aborted) return false;
    if (!problem.what) throw problem;
    show(problem);
    note(result, drafted ? "Only a part was transcribed." : "Not transcribed.", "bad");
    return false;
  }
  result.language = language || codeOf(done.language);
  Object.assign(result, { text: done.text, original: wordsOf(done), file: chosen });
  duration ||= done.duration;
  result.card.querySelector(".bar").hidden = true;
  result.card.querySelector(".actions").hidden = false;
  setWords(result, result.original);
  return true;
}

function progress(result, share) {
  const bar = result.card.querySelector(".bar");
  bar.firstElementChild.style.transform = share < 1 ? `scaleX(${share})` : "";
  bar.classList.toggle("waiting", share >= 1);
  $("status").textContent = share < 1 ? "Uploading" : "Transcribing";
}

const codeOf = (name) => CODES.find((code) => code === name || languageName(code, "en").toLowerCase() === name) ?? "";

/** Words with times; those of a segment share its times if the model gave none. */
function wordsOf({ text, words = [], segments = [] }) {
  let next = 0, line = 0;
  const found = text.split(/\s+/).filter(Boolean).map((token) => {
    const timed = words[next]?.word === token ? words[next++] : null;
    if (timed) while (line + 1 < segments.length && segments[line + 1].start <= timed.start + 0.005) line++;
    return { text: token, start: timed?.start, end: timed?.end, line };
  });
  if (next) return found;
  return segments.flatMap(({ text: said, start, end }, number) =>
    said.split(/\s+/).filter(Boolean).map((token) => ({ text: token, start, end, line: number })));
}

function newResult(model, number) {
  const card = $("result").content.cloneNode(true).firstElementChild, scores = models.find((one) => one.id === model)?.scores ?? {};
  const result = { model, card, list: card.querySelector(".words"), words: [], original: [], lit: [] };
  const { wer } = scores[$("language").value] ?? scores.overall ?? {};
  card.classList.toggle("second", number > 0);
  card.ariaLabel = `Transcript of ${model}`;
  card.querySelector("h2 bdi").textContent = model;
  card.querySelector(".score").textContent = wer === undefined ? "" : `${(100 * wer).toFixed(1)} % word errors on test`;
  card.querySelector(".files").ariaLabel = "Copy or download";
  result.list.ariaLabel = `Words of ${model}`;
  card.querySelector("textarea").ariaLabel = `Corrected text of ${model}`;
  for (const button of card.querySelectorAll("[data-format]")) {
    button.ariaLabel = `Download ${button.textContent}`;
    button.addEventListener("click", () => download(result, button.dataset.format));
  }
  card.querySelector(".edit").addEventListener("click", () => edit(result));
  card.querySelector(".reset").addEventListener("click", () => { card.querySelector("textarea").value = textOf(result.original); closeEditor(result); });
  card.querySelector(".send").addEventListener("click", () => send(result));
  card.querySelector(".copy").addEventListener("click", () => navigator.clipboard.writeText(shownText(result)).then(() => note(result, "Copied.")));
  card.querySelector("textarea").addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); playOrPause(); } });
  card.querySelector("textarea").addEventListener("input", () => note(result, ""));
  result.list.addEventListener("click", ({ target }) => {
    const word = result.words[result.nodes?.indexOf(target)];
    if (word?.start === undefined) return;
    seek(word.start);
    audio.play().catch(() => {});
  });
  result.list.addEventListener("keydown", (event) => step(result, event));
  return result;
}

const textOf = (words) => words.map((word) => word.text).join(" ");
const shownText = (result) => (result.card.querySelector(".editor").hidden ? textOf(result.words) : result.card.querySelector("textarea").value.trim());

function note(result, text, kind = "", id = "") {
  const place = result.card.querySelector(".note");
  place.className = `note ${kind}`;
  place.replaceChildren(text, ...(id ? [" ", ...explained("", id)] : []));
}

function setWords(result, words) {
  result.words = words;
  result.lit = [];
  result.nodes = words.map((word) => {
    const made = element(word.start === undefined ? "span" : "button", word.text);
    if (made.tagName === "BUTTON") { made.type = "button"; made.tabIndex = -1; }
    made.classList.toggle("edited", Boolean(word.edited));
    return made;
  });
  const first = result.nodes.find((node) => node.tagName === "BUTTON");
  if (first) first.tabIndex = 0;
  let last = -Infinity;
  result.starts = words.map(({ start }) => (last = start ?? last));
  result.list.lang = result.language;
  result.list.replaceChildren(...result.nodes.flatMap((node) => [node, " "]));
  if (!words.length) result.list.append(element("span", "No words.", "soft"));
  light(result, audio.currentTime);
}

/** Lights the words that are said now, of which segments have several. */
function light(result, now) {
  let low = 0, high = result.starts?.length ?? 0;
  while (low < high) { const middle = (low + high) >> 1; if (result.starts[middle] <= now) low = middle + 1; else high = middle; }
  const lit = [], heard = !audio.paused || now > 0;
  for (let at = low - 1; heard && at >= 0 && result.starts[at] === result.starts[low - 1]; at--)
    if (result.words[at].start !== undefined && now < result.words[at].end) lit.push(result.nodes[at]);
  for (const node of result.lit) if (!lit.includes(node)) node.classList.remove("now");
  for (const node of lit) node.classList.add("now");
  const node = lit.at(-1), box = result.list;
  if (node && !audio.paused && (node.offsetTop < box.scrollTop || node.offsetTop + node.offsetHeight > box.scrollTop + box.clientHeight))
    box.scrollTop = node.offsetTop - box.clientHeight / 3;
  result.lit = lit;
}

/** Arrows go from word to word, in the direction that the text is read. */
function step(result, event) {
  const buttons = result.nodes.filter((node) => node.tagName === "BUTTON"), at = buttons.indexOf(document.activeElement);
  const ahead = getComputedStyle(result.list).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  if (at < 0 || !/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) return;
  const to = { Home: 0, End: buttons.length - 1 }[event.key] ?? at + (event.key === ahead ? 1 : -1);
  event.preventDefault();
  if (!buttons[to]) return;
  buttons[at].tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
}

// Differences: case and punctuation do not count, as in the word error rate

const plain = ({ text }) => text.normalize("NFC").toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, "") || text;

/** Pairs of places of equal words, by Myers's algorithm: http://www.xmailserver.org/diff2.pdf */
function matched(a, b) {
  let from = 0, n = a.length, m = b.length;
  const head = [], tail = [];
  for (; from < n && from < m && a[from] === b[from]; from++) head.push([from, from]);
  while (n > from && m > from && a[n - 1] === b[m - 1]) tail.unshift([--n, --m]);
  const most = Math.min(n + m - 2 * from, MAX_EDITS), reached = new Int32Array(2 * most + 3), zero = most + 1, trace = [];
  const down = (row, middle, k, d) => k === -d || (k !== d && row[middle + k - 1] < row[middle + k + 1]);
  for (let d = 0; d <= most; d++) {
    trace.push(reached.slice(zero - d - 1, zero + d + 2));
    for (let k = -d; k <= d; k += 2) {
      let x = down(reached, zero, k, d) ? reached[zero + k + 1] : reached[zero + k - 1] + 1;
      while (from + x < n && from + x - k < m && a[from + x] === b[from + x - k]) x++;
      reached[zero + k] = x;
      if (from + x >= n && from + x - k >= m) return [...head, ...walked(trace, n - from, m - from, from, down), ...tail];
    }
  }
  return [...head, ...tail];
}

function walked(trace, x, y, from, down) {
  const pairs = [];
  for (let d = trace.length - 1; d >= 0; d--) {
    const k = x - y, before = down(trace[d], d + 1, k, d) ? k + 1 : k - 1;
    const oldX = trace[d][d + 1 + before], oldY = oldX - before;
    while (x > oldX && y > oldY && x > 0 && y > 0) pairs.unshift([from + --x, from + --y]);
    [x, y] = [oldX, oldY];
  }
  return pairs;
}

function compare() {
  if (results.length < 2 || !results.every((result) => result.nodes)) return;
  const pairs = matched(...results.map((result) => result.words.map(plain)));
  results.forEach((result, side) => {
    const same = new Set(pairs.map((pair) => pair[side]));
    result.nodes.forEach((node, at) => {
      node.classList.toggle("differs", !same.has(at));
      if (same.has(at)) node.removeAttribute("aria-description");
      else node.setAttribute("aria-description", "differs");
    });
    const num = result.words.length - same.size;
    result.card.querySelector(".changes").textContent = num ? `${num} of ${result.words.length} words differ` : "no word differs";
  });
}

// Corrections

function edit(result) {
  const { card } = result, editor = card.querySelector(".editor"), area = editor.querySelector("textarea");
  if (!editor.hidden) { closeEditor(result); return; }
  area.value = textOf(result.words);
  area.lang = result.language;
  editor.hidden = false;
  result.list.hidden = true;
  card.querySelector(".edit").textContent = "Done";
  card.querySelector(".reset").hidden = false;
  card.querySelector(".send").hidden = !settings.corrections;
  area.focus();
}

function closeEditor(result) {
  const { card } = result;
  setWords(result, corrected(result.original, card.querySelector("textarea").value));
  compare();
  card.querySelector(".editor").hidden = true;
  result.list.hidden = false;
  card.querySelector(".edit").textContent = "Correct";
  card.querySelector(".reset").hidden = !result.words.some((word) => word.edited);
  card.querySelector(".send").hidden = !settings.corrections || textOf(result.words) === textOf(result.original);
  card.querySelector(".edit").focus();
}

/** A person's words with the model's times; new ones share the time of those that they replace, or the pause that they fill. */
function corrected(original, text) {
  const words = text.split(/\s+/).filter(Boolean).map((one) => ({ text: one, edited: true, line: 0 }));
  const pairs = [...matched(original.map(plain), words.map(plain)), [original.length, words.length]];
  let a = 0, b = 0;
  for (const [i, j] of pairs) {
    const old = original.slice(a, i), timed = old.filter((word) => word.start !== undefined);
    const from = timed[0]?.start ?? original[a - 1]?.end, to = timed.at(-1)?.end ?? original[i]?.start;
    spread(words.slice(b, j), from, to, (old[0] ?? original[a - 1] ?? original[i])?.line ?? 0);
    if (i < original.length) Object.assign(words[j], { ...original[i], text: words[j].text, edited: words[j].text !== original[i].text });
    [a, b] = [i + 1, j + 1];
  }
  return words;
}

function spread(words, from, to, line) {
  const letters = words.reduce((sum, word) => sum + word.text.length, 0);
  let start = from;
  for (const word of words) {
    word.line = line;
    if (!(to > from)) continue;
    word.start = start;
    word.end = start += ((to - from) * word.text.length) / letters;
  }
}

async function send(result) {
  const text = shownText(result), button = result.card.querySelector(".send");
  const language = result.language || $("language").value;
  if (!language) { note(result, "Choose the language first.", "bad"); $("language").focus(); return; }
  if (!text) { note(result, "There is no text to send.", "bad"); return; }
  const form = new FormData();
  for (const [name, value] of [["text", text], ["draft", result.text], ["language", language], ["model", result.model]]) form.append(name, value);
  form.append("file", result.file.blob, "recording");
  button.disabled = true;
  note(result, "Sending …");
  try {
    const { number } = JSON.parse((await ask("POST", "corrections", form).done).responseText);
    note(result, number === null ? "Stored. Thank you." : `Stored as correction ${number}. Thank you.`, "good");
  } catch (problem) {
    if (!problem.what) throw problem;
    const length = problem.code?.startsWith("audio_too_") ? ` ${problem.why}` : "";  // it has the limits
    note(result, `${problem.what}${length}`, "bad", problem.id);
    if (problem.status === 401) show(problem);
  } finally {
    button.disabled = false;
  }
}

// Files, as the server writes them: asr/alignment/files.py

function linesOf(words) {
  const lines = [];
  for (const word of words) {
    if (lines.at(-1)?.[0].line === word.line) lines.at(-1).push(word);
    else lines.push([word]);
  }
  return lines.map((line) => ({ line, timed: line.filter((word) => word.start !== undefined) })).filter(({ timed }) => timed.length)
    .map(({ line, timed }) => ({ words: line, start: timed[0].start, end: timed.at(-1).end, text: textOf(line) }));
}

const digits = (value, num) => String(value).padStart(num, "0");
const stamp = (seconds, mark) => {
  const ms = Math.round(seconds * 1000), whole = Math.floor(ms / 1000);
  return `${digits(Math.floor(whole / 3600), 2)}:${digits(Math.floor(whole / 60) % 60, 2)}:${digits(whole % 60, 2)}${mark}${digits(ms % 1000, 3)}`;
};
const lyric = (seconds) => {
  const hundredths = Math.round(seconds * 100);
  return `${digits(Math.floor(hundredths / 6000), 2)}:${digits(((hundredths % 6000) / 100).toFixed(2), 5)}`;
};
const cue = (line, mark) => `${stamp(line.start, mark)} --> ${stamp(line.end, mark)}`;
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const FORMATS = {
  srt: (lines) => lines.map((line, at) => `${at + 1}\n${cue(line, ",")}\n${line.text}\n\n`).join(""),
  vtt: (lines) => `WEBVTT\n\n${lines.map((line, at) => `${at + 1}\n${cue(line, ".")}\n${escaped(line.text)}\n\n`).join("")}`,
  lrc: (lines) => lines.map((line) => `[${lyric(line.start)}]${line.words.map((word) =>
    (word.start === undefined ? word.text : `<${lyric(word.start)}>${word.text}`)).join(" ")} <${lyric(line.end)}>\n`).join(""),
  json: (lines, result) => `${JSON.stringify({
    text: textOf(result.words), language: result.language, model: result.model, duration, corrected: result.words.some((word) => word.edited),
    segments: lines.map(({ start, end, text, words }, id) => ({ id, start, end, text,
      words: words.filter((word) => word.start !== undefined).map((word) => ({ word: word.text, start: word.start, end: word.end })) })),
  }, null, 1)}\n`,
};

function download(result, format) {
  if (!result.card.querySelector(".editor").hidden) closeEditor(result);
  const link = document.createElement("a"), content = FORMATS[format](linesOf(result.words), result);
  link.href = URL.createObjectURL(new Blob([content], { type: "text/plain;charset=utf-8" }));
  link.download = `${result.file.name.replace(/\.[^.]*$/, "")}.${result.model}.${format}`.replace(/[/\\:*?"<>|\p{C}]/gu, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

begin();
