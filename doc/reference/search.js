// The site's search: it runs in the page, over search-index.js, which is loaded
// when the box is first used. Nothing is sent anywhere.
(function () {
  "use strict";
  var script = document.currentScript;
  var top = script.getAttribute("data-top");
  var box = document.getElementById("search");
  var list = document.getElementById("found");
  var form = box.form;
  var loaded = false;
  var chosen = -1;
  form.hidden = false;

  // Names count most, then words of headings, then the text.
  function score(row, words, whole) {
    var title = row[2].toLowerCase();
    var name = title.replace(/^.*[.:]/, "").replace(/\(.*$/, "");
    var text = null;
    var points = 0;
    for (var i = 0; i < words.length; i++) {
      if (title.indexOf(words[i]) >= 0) points += 20;
      else {
        text = text || (row[3] + " " + row[4]).toLowerCase();
        var at = text.indexOf(words[i]);
        if (at < 0) return 0;
        points += at < 200 ? 3 : 1;
      }
    }
    if (name === whole || title === whole) points += 100;
    else if (name.indexOf(whole) === 0) points += 40;
    else if (title.indexOf(whole) >= 0) points += 10;
    return points;
  }

  // The part of the text that has the first word, and some before it.
  function excerpt(text, words) {
    var at = text.toLowerCase().indexOf(words[0]);
    var from = at > 60 ? text.indexOf(" ", at - 60) + 1 : 0;
    return (from > 0 ? "\u2026 " : "") + text.substr(from, 140);
  }

  function put(parent, tag, text) {
    var element = document.createElement(tag);
    element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function show(row, words) {
    var item = document.createElement("li");
    var link = put(item, "a", "");
    link.href = top + row[1];
    put(link, "b", row[2]);
    if (row[3]) put(link, "i", row[3]);
    put(link, "span", excerpt(row[4], words));
    list.appendChild(item);
  }

  function choose(number) {
    var links = list.getElementsByTagName("a");
    if (links[chosen]) links[chosen].className = "";
    chosen = Math.max(-1, Math.min(number, links.length - 1));
    if (!links[chosen]) return;
    links[chosen].className = "chosen";
    links[chosen].scrollIntoView({block: "nearest"});
  }

  function search() {
    var whole = box.value.toLowerCase().trim();
    var words = whole.split(/\s+/).filter(Boolean);
    list.textContent = "";
    chosen = -1;
    list.hidden = words.length === 0 || !window.searchIndex;
    if (list.hidden) return;
    var rows = [];
    window.searchIndex.forEach(function (row, i) {
      var points = score(row, words, whole);
      if (points > 0) rows.push([points, i, row]);
    });
    rows.sort(function (a, b) { return b[0] - a[0] || a[1] - b[1]; });
    rows.slice(0, 30).forEach(function (each) { show(each[2], words); });
    if (rows.length === 0) put(list, "li", "Nothing found.");
  }

  function load() {
    if (loaded) return;
    loaded = true;
    var index = document.createElement("script");
    index.src = top + "search-index.js";
    index.onload = search;
    document.head.appendChild(index);
  }

  box.addEventListener("focus", load);
  box.addEventListener("input", function () { load(); search(); });
  box.addEventListener("keydown", function (event) {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Escape") { box.value = ""; search(); box.blur(); }
    else return;
    event.preventDefault();
  });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var link = list.getElementsByTagName("a")[Math.max(chosen, 0)];
    if (link) { window.location.href = link.href; list.hidden = true; }
  });
  document.addEventListener("keydown", function (event) {
    var typing = /^(input|textarea|select)$/i.test(document.activeElement.tagName);
    if (event.key !== "/" || typing) return;
    event.preventDefault();
    box.focus();
  });
  document.addEventListener("click", function (event) {
    if (!form.contains(event.target)) list.hidden = true;
  });

  // index.html?q=words, for links to a search.
  var asked = /[?&]q=([^&]*)/.exec(window.location.search);
  if (asked) {
    box.value = decodeURIComponent(asked[1].replace(/\+/g, " "));
    load();
  }
})();
