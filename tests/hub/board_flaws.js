// Whatever is wrong with the sizes and places of what the board shows, in words.
() => {
  const flaws = [];
  const say = (node, what) => flaws.push(`${node.className || node.id} "${node.textContent.slice(0, 40)}": ${what}`);
  const shown = (node) => node.checkVisibility() && !node.closest('.unseen') && node.getClientRects().length;
  const room = document.getElementById('room');
  if (room.scrollHeight > room.clientHeight || room.scrollWidth > room.clientWidth) flaws.push('the beds scroll');
  const page = document.documentElement;
  if (page.scrollHeight > innerHeight || page.scrollWidth > innerWidth) flaws.push('the page scrolls');
  const texts = [];
  const walker = document.createTreeWalker(document.getElementById('app'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(node)) continue;
    const style = getComputedStyle(node);
    if (style.clipPath !== 'none') continue;
    if (parseFloat(style.fontSize) < 12) say(node, `text of ${style.fontSize}`);
    if (node.scrollWidth > node.clientWidth + 1 && style.display !== 'inline') say(node, 'its text is cut off');
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const clamped = style.webkitLineClamp !== 'none';
    const box = (clamped ? node : range).getBoundingClientRect();
    if (clamped && node.scrollHeight > node.clientHeight + 2) say(node, 'its text is cut short');
    const frame = (node.closest('.tile, .top, footer, .sound-off')).getBoundingClientRect();
    const out = [frame.top - box.top, box.bottom - frame.bottom, frame.left - box.left, box.right - frame.right];
    if (Math.max(...out) > 1) say(node, `${Math.max(...out).toFixed(1)} px outside its tile`);
    const seen = !room.contains(node) || box.bottom < room.getBoundingClientRect().bottom;
    if (seen) texts.push([node, box]);
  }
  texts.forEach(([node, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (width > 1 && height > 3 && node !== other) say(node, `overlaps "${other.textContent.slice(0, 30)}"`);
  }));
  for (const node of document.querySelectorAll('button, select, input')) {
    const box = node.getBoundingClientRect();
    if (shown(node) && (box.width < 44 || box.height < 44)) say(node, `target of ${box.width} x ${box.height}`);
  }
  return flaws;
}
