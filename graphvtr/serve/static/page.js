'use strict';
// Everything that comes from the server is put in as text or as a checked picture, never as markup.
const $ = id => document.getElementById(id);
const SLOW = 2500, TYPING = 250, SHOWN = 12;
const state = {query: '', filters: new Map(), wait: null, graphWait: null, info: {}};

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

function svgPicture(text, prefix) {
  const root = new DOMParser().parseFromString(text.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" '), 'image/svg+xml').documentElement;
  if (root.nodeName !== 'svg') return null;
  const allowed = new Set(['svg', 'g', 'path', 'rect', 'text', 'title']);
  for (const element of [root, ...root.querySelectorAll('*')]) {
    if (!allowed.has(element.nodeName)) { element.remove(); continue; }
    for (const attribute of [...element.attributes]) {
      if (attribute.name.startsWith('on') || attribute.name.includes('href')) element.removeAttribute(attribute.name);
    }
    if (element.id) { element.dataset.node = element.id; element.id = prefix + element.id; }
  }
  return document.importNode(root, true);
}

async function ask(path, options = {}) {
  let answer;
  try { answer = await fetch(path, options); } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error('The server does not answer. Is graphvtr serve still running?');
  }
  let body = null;
  try { body = await answer.json(); } catch { /* said below */ }
  if (!answer.ok) throw new Error(body && body.problem ? `${body.item}: ${body.problem}` + (body.fix ? ` (${body.fix})` : '') : `The server answers ${answer.status}.`);
  return body;
}

const url = (path, values) => path + '?' + new URLSearchParams(values);
const media = name => url('/media', {clip: name});
const picture = (name, time) => url('/thumbnail', {clip: name, t: Math.max(0, time || 0).toFixed(2)});

function say(text) { $('status').textContent = text; }
function problem(text) {
  $('problem').hidden = !text;
  $('problem').textContent = text || '';
  if (text) { say(''); $('grid').replaceChildren(); }
}

// -- searching ----------------------------------------------------------------

function address() {
  const values = new URLSearchParams({q: state.query, top: SHOWN});
  for (const [kind, value] of state.filters.values()) values.append(kind, value);
  return '/api/search?' + values;
}

async function run(title, request) {
  if (state.wait) state.wait.abort();
  const wait = state.wait = new AbortController();
  problem('');
  $('empty').hidden = true;
  $('grid').setAttribute('aria-busy', 'true');
  if (!$('grid').children.length) $('grid').replaceChildren(...Array.from({length: 6}, () => make('li', {class: 'skeleton', 'aria-hidden': 'true'})));
  else $('grid').classList.add('wait');
  say('Searching …');
  const slow = setTimeout(() => say('Still searching. The first question after a start takes longer.'), SLOW);
  try {
    const found = await request(wait.signal);
    if (wait !== state.wait) return;
    show(found, title);
  } catch (error) {
    if (error.name !== 'AbortError' && wait === state.wait) problem(error.message);
  } finally {
    clearTimeout(slow);
    if (wait === state.wait) { $('grid').classList.remove('wait'); $('grid').setAttribute('aria-busy', 'false'); }
  }
}

function search() {
  state.query = $('query').value.trim();
  if (!state.query) { blank(); return; }
  history.replaceState(null, '', '#' + encodeURIComponent(state.query));
  draw();
  run(`for “${state.query}”`, signal => ask(address(), {signal}));
}

function blank() {
  if (state.wait) state.wait.abort();
  problem(''); say('');
  $('graph').hidden = true; $('empty').hidden = false;
  $('grid').replaceChildren(); $('grid').classList.remove('wait');
}

// bars of a level go from the lowest score shown, or 0, to the highest: scores of models have no common scale
function scales(results) {
  const out = {};
  for (const result of results) for (const [level, score] of Object.entries(result.levels)) {
    const [low, high] = out[level] || [0, 1e-9];
    out[level] = [Math.min(low, score), Math.max(high, score)];
  }
  return out;
}

function show(found, title) {
  const scale = scales(found.results);
  const cards = found.results.map((result, rank) => card(result, rank, scale));
  $('grid').replaceChildren(...cards);
  const missing = found.missing && found.missing.length ? ` Parts of the index did not answer: ${found.missing.join(', ')}.` : '';
  if (!cards.length) { say(`Nothing found ${title}. Take filters away, or use other words.${missing}`); return; }
  say(`${cards.length} results ${title} in ${Math.max(1, Math.round(found.seconds * 1000))} ms.${missing}`);
}

// not <meter>: browsers do not agree on how one is filled
function bar(level, score, [low, high]) {
  const fill = make('i');
  fill.style.width = `${100 * (score - low) / (high - low)}%`;
  return make('div', {class: 'meter', role: 'meter', 'aria-label': `${level} score`, 'aria-valuemin': low, 'aria-valuemax': high, 'aria-valuenow': score, 'aria-valuetext': score.toFixed(2)}, fill);
}

// where a weight lies between the least and the most: attention over many frames differs by little
function between(weights) {
  const least = Math.min(...weights), most = Math.max(...weights);
  return weight => most > least ? (weight - least) / (most - least) : 1;
}

function centre(picture) { picture.scrollLeft = (picture.scrollWidth - picture.clientWidth) / 2; }

// -- one result ---------------------------------------------------------------

function card(result, rank, scale) {
  const start = result.moment == null ? 0 : result.moment;
  const screen = make('button', {class: 'screen', type: 'button', 'aria-label': `Play ${result.name} from ${start.toFixed(1)} seconds`, disabled: !result.playable});
  const image = make('img', {alt: '', loading: 'lazy', decoding: 'async'});
  if (result.playable) image.src = picture(result.name, start);
  const boxes = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  boxes.setAttribute('viewBox', '0 0 1 1'); boxes.setAttribute('preserveAspectRatio', 'none'); boxes.setAttribute('aria-hidden', 'true');
  const sign = make('span', {class: 'sign', 'aria-hidden': 'true'}, result.playable ? `▶ ${start.toFixed(1)} s` : 'no video file');
  screen.append(image, boxes, sign);
  screen.addEventListener('click', () => play(screen, result, start));
  const frames = make('div', {class: 'frames', 'aria-hidden': 'true'}, ...(result.times || []).map(() => make('i')));
  const reset = () => light(null);
  function light(phrase) {
    const all = result.phrases;
    const weights = phrase ? phrase.weights : (result.times || []).map((_, i) => all.reduce((sum, one) => sum + one.weights[i], 0) / Math.max(1, all.length));
    const share = between(weights);
    [...frames.children].forEach((bar, i) => {
      bar.style.height = `${15 + 85 * share(weights[i])}%`;
      bar.classList.toggle('hot', Boolean(phrase) && share(weights[i]) >= 0.75);
    });
    boxes.replaceChildren();
    if (result.playable && !screen.video) image.src = picture(result.name, phrase ? phrase.time : start);
    if (!phrase) return;
    for (const [x0, y0, x1, y1, weight] of phrase.boxes || []) {
      const box = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      for (const [name, value] of Object.entries({x: x0, y: y0, width: x1 - x0, height: y1 - y0, opacity: 0.35 + 0.65 * weight})) box.setAttribute(name, value);
      boxes.append(box);
    }
    fit(image, boxes);
  }
  const phrases = result.phrases.map(phrase => {
    const key = `${phrase.level}-${phrase.node}`;
    const button = make('button', {type: 'button', 'data-node': key, 'aria-label': `${phrase.phrase}, ${phrase.role}, best at ${phrase.time.toFixed(1)} seconds`}, `${phrase.phrase} · ${phrase.time.toFixed(1)} s`);
    const on = () => { button.classList.add('on'); light(phrase); mark(key, true); };
    const off = () => { button.classList.remove('on'); reset(); mark(key, false); };
    button.addEventListener('mouseenter', on); button.addEventListener('mouseleave', off);
    button.addEventListener('focus', on); button.addEventListener('blur', off);
    button.addEventListener('click', () => play(screen, result, phrase.time));
    button.light = on; button.dark = off;
    return button;
  });
  const levels = make('div', {class: 'levels'}, ...Object.entries(result.levels).flatMap(([level, score]) => [
    make('span', {}, level), bar(level, score, scale[level]), make('span', {}, score.toFixed(2))]));
  const caption = result.caption || (result.captions || [])[0] || '';
  const tags = (result.tags || []).join(', ');
  const buttons = make('div', {class: 'row'},
    state.query && !result.caption ? make('button', {type: 'button', class: 'plain', 'aria-label': `Why ${result.name}`, onclick: () => why(result.name)}, 'Why this clip') : null,
    make('button', {type: 'button', class: 'plain', 'aria-label': `Clips like ${result.name}`, onclick: () => like(result.name)}, 'Clips like it'));
  const element = make('li', {class: 'card'}, screen, frames.children.length && result.phrases.length ? frames : null,
    make('h3', {}, `${rank + 1}. ${result.name}`), make('p', {}, `score ${result.score.toFixed(3)}` + (result.duration ? `, ${result.duration.toFixed(1)} s long` : '')),
    caption ? make('p', {dir: 'auto'}, caption) : null, tags ? make('p', {class: 'quiet'}, tags) : null,
    result.phrases.length ? make('div', {class: 'phrases', role: 'group', 'aria-label': 'Phrases and their moments'}, ...phrases) : null,
    Object.keys(result.levels).length ? levels : null, buttons);
  image.addEventListener('load', () => fit(image, boxes));
  image.addEventListener('error', () => { sign.textContent = 'no picture'; });
  light(null);
  return element;
}

// boxes are fractions of the picture, which is fitted into the screen
function fit(image, boxes) {
  const frame = image.parentElement, wide = frame.clientWidth, tall = frame.clientHeight;
  if (!image.naturalWidth || !wide) return;
  const scale = Math.min(wide / image.naturalWidth, tall / image.naturalHeight);
  const width = image.naturalWidth * scale, height = image.naturalHeight * scale;
  boxes.style.left = `${(wide - width) / 2}px`; boxes.style.top = `${(tall - height) / 2}px`;
  boxes.style.width = `${width}px`; boxes.style.height = `${height}px`;
}

function play(screen, result, start) {
  if (!result.playable) return;
  const go = video => { video.currentTime = Math.min(start, Math.max(0, (video.duration || start) - 0.2)); video.play().catch(() => 0); };
  if (screen.video) { go(screen.video); return; }
  const video = screen.video = make('video', {playsinline: true, controls: true, preload: 'auto', 'aria-label': result.name});
  video.muted = true;
  const back = make('div', {class: 'screen'});
  video.addEventListener('error', () => { back.replaceWith(screen); screen.video = null; screen.querySelector('.sign').textContent = 'this browser cannot play the file'; });
  video.addEventListener('loadedmetadata', () => go(video), {once: true});
  video.src = media(result.name);
  back.append(video);
  screen.replaceWith(back);
  video.focus();
}

function mark(key, on) {
  for (const node of document.querySelectorAll(`#picture [data-node="${CSS.escape(key)}"]`)) node.classList.toggle('on', on);
}

// -- the role graph -----------------------------------------------------------

async function draw() {
  const query = $('query').value.trim();
  if (state.graphWait) state.graphWait.abort();
  if (!query) { $('graph').hidden = true; return; }
  const wait = state.graphWait = new AbortController();
  try {
    const found = await ask(url('/api/graph', {q: query}), {signal: wait.signal});
    if (wait !== state.graphWait) return;
    const svg = svgPicture(found.svg, 'q-');
    $('picture').replaceChildren(...(svg ? [svg] : []));
    $('graph').hidden = !svg;
    centre($('picture'));
    $('unknown').hidden = !found.unknown.length;
    $('unknown').textContent = found.unknown.length ? `The model has never seen: ${found.unknown.join(', ')}` : '';
    for (const node of $('picture').querySelectorAll('.node')) {
      const key = node.dataset.node;
      const all = () => document.querySelectorAll(`.phrases [data-node="${CSS.escape(key)}"]`);
      const on = () => all().forEach(button => button.light()), off = () => all().forEach(button => button.dark());
      node.addEventListener('mouseenter', on); node.addEventListener('mouseleave', off);
      node.addEventListener('focus', on); node.addEventListener('blur', off);
    }
  } catch (error) {
    if (error.name !== 'AbortError') $('graph').hidden = true;
  }
}

// -- why, like, upload --------------------------------------------------------

async function why(name) {
  $('why-title').textContent = `Why ${name}`;
  $('why-body').replaceChildren(make('p', {role: 'status'}, 'Looking …'));
  $('why').showModal();
  try {
    const found = await ask(url('/api/why', {q: state.query, clip: name}));
    const clip = found.clip, parts = [make('p', {}, `“${found.query}” scores ${clip.score.toFixed(3)}. Its levels, each with a weight of its own, make up the score.`)];
    parts.push(make('table', {}, make('thead', {}, make('tr', {}, make('th', {scope: 'col'}, 'level'), make('th', {scope: 'col'}, 'score'))),
      make('tbody', {}, ...Object.entries(clip.levels).map(([level, score]) => make('tr', {}, make('th', {scope: 'row'}, level), make('td', {}, score.toFixed(3)))))));
    if (clip.phrases.length) {
      parts.push(make('h3', {}, 'Where each phrase looks, in % of its attention'));
      const head = make('tr', {}, make('th', {scope: 'col'}, 'phrase'), ...clip.times.map(time => make('th', {scope: 'col'}, `${time.toFixed(1)} s`)));
      const shareOf = between(clip.phrases.flatMap(phrase => phrase.weights));
      const rows = clip.phrases.map(phrase => {
        return make('tr', {}, make('th', {scope: 'row'}, `${phrase.phrase} (${phrase.role})`), ...phrase.weights.map(weight => {
          const cell = make('td', {class: 'cell'}, String(Math.round(100 * weight)));
          const share = shareOf(weight);
          cell.style.background = `rgb(${255 - 60 * share}, ${255 - 130 * share}, ${255 - 205 * share})`;
          cell.style.color = '#1b1f24';
          return cell;
        }));
      });
      parts.push(make('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Attention of phrases over frames'}, make('table', {class: 'heat'}, make('thead', {}, head), make('tbody', {}, ...rows))));
    } else parts.push(make('p', {}, 'This model sees a clip as a whole: it tells no moments.'));
    const svg = found.svg ? svgPicture(found.svg, 'w-') : null;
    if (svg) {
      parts.push(make('h3', {}, found.layers ? 'How the sentence is read: role attention, as thick as it is strong' : 'How the sentence is read'));
      const choose = layer => svg.querySelectorAll('.edge, .note').forEach(edge => {
        const weights = JSON.parse(edge.dataset.weights || '[]'), path = edge.querySelector('path'), text = edge.querySelector('.weight');
        if (layer >= weights.length) return;
        if (path) path.style.strokeWidth = String(0.8 + 6 * weights[layer]);
        if (text) text.textContent = weights[layer].toFixed(2);
      });
      if (found.layers > 1) {
        const group = make('div', {class: 'chips', role: 'group', 'aria-label': 'Layer of attention'}, ...Array.from({length: found.layers}, (_, layer) =>
          make('button', {type: 'button', 'aria-pressed': layer === 0, onclick: event => { [...group.children].forEach(one => one.setAttribute('aria-pressed', one === event.target)); choose(layer); }}, `layer ${layer + 1}`)));
        group.firstChild.setAttribute('aria-pressed', 'true');
        parts.push(group);
      }
      choose(0);
      parts.push(make('div', {class: 'picture', tabindex: 0, role: 'region', 'aria-label': 'Role graph with attention'}, svg));
    }
    $('why-body').replaceChildren(...parts);
    $('why-body').querySelectorAll('.picture').forEach(centre);
  } catch (error) { $('why-body').replaceChildren(make('p', {role: 'alert'}, error.message)); }
}

// what is shown is no longer what the sentence found
function leave() {
  state.query = $('query').value = '';
  $('graph').hidden = true;
  history.replaceState(null, '', location.pathname);
}

function like(name) {
  leave();
  run(`like ${name}`, signal => ask(url('/api/like', {clip: name, find: 'clips', top: SHOWN}), {signal}));
}

function upload(file) {
  if (!file) return;
  leave();
  const find = document.querySelector('input[name=find]:checked').value;
  run(`for ${file.name}`, signal => ask(url('/api/upload', {name: file.name.slice(0, 200), find, top: SHOWN}), {method: 'POST', body: file, signal}));
}

// -- filters ------------------------------------------------------------------

function filters(info) {
  const wanted = [...info.tags.map(tag => ['where', `tag=${tag}`, tag])];
  for (const [level, names] of Object.entries(info.concepts)) wanted.push(...names.slice(0, 8).map(name => [level, name, `${level}: ${name}`]));
  wanted.push(['where', 'duration<10', 'under 10 s'], ['where', 'duration>=10', '10 s and over']);
  $('filters').hidden = false;
  $('filters').replaceChildren(...wanted.map(([kind, value, title]) => {
    const key = `${kind} ${value}`;
    const chip = make('button', {type: 'button', 'aria-pressed': 'false'}, title);
    chip.addEventListener('click', () => {
      if (!state.filters.delete(key)) state.filters.set(key, [kind, value]);
      chip.setAttribute('aria-pressed', String(state.filters.has(key)));
      if (state.query) search();
    });
    return chip;
  }));
}

async function begin() {
  let timer;
  $('form').addEventListener('submit', event => { event.preventDefault(); clearTimeout(timer); search(); });
  $('query').addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => { if ($('query').value.trim()) draw(); else blank(); }, TYPING);
  });
  $('file').addEventListener('change', () => { upload($('file').files[0]); $('file').value = ''; });
  for (const kind of ['dragover', 'dragleave', 'drop']) document.addEventListener(kind, event => {
    event.preventDefault();
    $('drop').classList.toggle('over', kind === 'dragover');
    if (kind === 'drop') upload(event.dataTransfer.files[0]);
  });
  document.addEventListener('keydown', event => {
    if (event.key === '/' && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); $('query').focus(); }
  });
  try {
    const info = state.info = await ask('/api/info');
    $('about').textContent = `${info.clips.toLocaleString()} clips, ${info.model}`;
    filters(info);
    const examples = info.examples.length ? info.examples : ['a dog chases a cat'];
    $('query').placeholder = examples[0];
    $('examples').replaceChildren(...examples.map(text => make('button', {type: 'button', onclick: () => { $('query').value = text; search(); }}, text)));
  } catch (error) { problem(error.message); }
  const asked = decodeURIComponent(location.hash.slice(1));
  if (asked) { $('query').value = asked; search(); }
}
begin();
