import decimal, datetime, json, sys, time, types
BASES = (dict, list, tuple, set, frozenset)
BUILTIN = (int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset, range)
def kind_of(v):
    # Without asking the value or its class: either may run code of its own.
    t = type(v)
    name = type.__dict__["__name__"].__get__(t)
    module = type.__dict__["__module__"].__get__(t)
    return name, module.split(".")[0] if type(module) is str else ""
def answer(value):
    text = json.dumps(value)
    try:
        from IPython import get_ipython
        get_ipython().display_pub.publish({"application/vnd.andon.answer": text}, {})
    except Exception:
        sys.__stdout__.write("andon-answer:" + text + "\n")
        sys.__stdout__.flush()
def widgets():
    # All widgets as notebooks keep them; a kernel that uses none is not made to load the library.
    m = sys.modules.get("ipywidgets")
    return m.Widget.get_manager_state() if m else None
def names(ns):
    hidden = ()
    try:
        from IPython import get_ipython
        hidden = get_ipython().user_ns_hidden
    except Exception:
        pass
    for key, v in list(ns.items()):
        if type(key) is str and not key.startswith("_") and key not in hidden and not issubclass(type(v), types.ModuleType):
            yield key, v
def is_frame(v):
    name, top = kind_of(v)
    return (
        top in ("pandas", "geopandas") and name in ("DataFrame", "GeoDataFrame", "Series")
        or top == "polars" and name in ("DataFrame", "LazyFrame", "Series")
        or top == "pyarrow" and name in ("Table", "RecordBatch")
    )
def size_of(v, name, top):
    try:
        if top == "polars":
            return int(v.estimated_size())
        if top == "pandas":
            m = v.memory_usage(deep=False)
            return int(m if isinstance(m, int) else m.sum())
        if top in ("numpy", "pyarrow"):
            return int(v.nbytes)
        if type(v) in BUILTIN:
            return int(sys.getsizeof(v))
    except Exception:
        return None
def short(v):
    t = type(v)
    if v is None or t in (bool, float, complex):
        return repr(v)
    if t is int:
        return repr(v) if v.bit_length() < 200 else "%d bits" % v.bit_length()
    if t in (str, bytes):
        return repr(v[:80])
    return kind_of(v)[0]
def items(v, n=6):
    out = []
    for i, x in enumerate(v):
        if i == n:
            out.append("\u2026")
            break
        out.append(short(x))
    return ", ".join(out)
def look(v):
    t = type(v)
    name, top = kind_of(v)
    for base in BASES:
        # What is built on these is counted by their own code, not by what a person wrote over it.
        if issubclass(t, base):
            n = base.__len__(v)
            return name, "%d item%s" % (n, "" if n == 1 else "s"), items(base.__iter__(v))
    if t in (str, bytes, bytearray):
        return name, "%d" % len(v), repr(v[:80])
    if v is None or t in (bool, int, float, complex):
        return name, "", short(v)
    if t in (types.FunctionType, types.BuiltinFunctionType, types.MethodType):
        return "function", "", ""
    if issubclass(t, type):
        return "class", "", ""
    if t in (datetime.date, datetime.datetime, datetime.time, datetime.timedelta, decimal.Decimal):
        return name, "", str(v)
    if top == "polars" and name == "LazyFrame":
        return name, "", ""
    if top == "pyarrow" and name in ("Table", "RecordBatch"):
        return name, "{:,} \u00d7 {}".format(v.num_rows, v.num_columns), ", ".join(v.schema.names[:8])
    if top in ("pandas", "polars") and name in ("DataFrame", "Series"):
        shape = v.shape
        if name == "Series":
            return name, "{:,}".format(shape[0]), str(v.dtype)
        return name, "{:,} \u00d7 {}".format(shape[0], shape[1]), ", ".join(str(c) for c in list(v.columns)[:8])
    if top == "numpy" and hasattr(v, "shape"):
        return name, " \u00d7 ".join("{:,}".format(n) for n in v.shape), "%s" % v.dtype if name == "ndarray" else repr(v)[:80]
    return name, "", ""
def variables(ns, secs):
    # What the names stand for: bounded in time and in number.
    rows, until, more = [], time.monotonic() + secs, 0
    for key, v in names(ns):
        if len(rows) == 1000 or time.monotonic() > until:
            more += 1
            continue
        name, top = kind_of(v)
        try:
            kind, size, preview = look(v)
            rows.append([key, kind, size, preview, size_of(v, name, top), is_frame(v)])
        except Exception:
            rows.append([key, name, "", "", None, False])
    return {"rows": rows, "more": more}
def columns(ns, wanted):
    # Every frame by name, with the columns of those that are wanted.
    out = []
    for key, v in names(ns):
        if not is_frame(v) or len(out) == 500:
            continue
        cols = []
        if key in wanted:
            name, top = kind_of(v)
            try:
                if name == "Series":
                    cols = [[str(v.name or "value"), str(v.dtype)]]
                elif top == "polars":
                    cols = [[c, str(d)] for c, d in v.collect_schema().items()]
                elif top == "pyarrow":
                    cols = [[f.name, str(f.type)] for f in v.schema]
                else:
                    cols = [[str(c), str(d)] for c, d in zip(v.columns, v.dtypes)]
            except Exception:
                pass
        out.append([key, cols[:2000]])
    return out
def plain(v, depth=0):
    t = type(v)
    if t is float and (v != v or v in (float("inf"), float("-inf"))):
        return None
    if v is None or t in (bool, int, float, str):
        return v
    if t in (datetime.date, datetime.datetime):
        return v.isoformat()
    if t is decimal.Decimal:
        return float(v)
    if t in (list, tuple) and depth < 3 and len(v) <= 10000:
        return [plain(x, depth + 1) for x in v]
    name, top = kind_of(v)
    if top == "numpy" and hasattr(v, "item") and getattr(v, "ndim", 1) == 0:
        return plain(v.item(), depth + 1)
    raise TypeError(name)
def index_out(v):
    # An index that says something becomes columns.
    import pandas
    plain_index = type(v.index) is pandas.RangeIndex or (v.index.nlevels == 1 and v.index.name is None)
    if plain_index and type(v.index) is pandas.RangeIndex:
        return v
    try:
        return v.reset_index()
    except ValueError:
        return v.reset_index(drop=True)
def pandas_out(v, path):
    v = index_out(v)
    v.columns = [str(c) for c in v.columns]
    seen = {}
    cols = []
    for c in v.columns:
        n = seen[c] = seen.get(c, 0) + 1
        cols.append(c if n == 1 else "%s_%d" % (c, n))
    v.columns = cols
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        v.to_csv(path + ".csv", index=False)
        return path + ".csv", "pyarrow is missing in the kernel, so types were guessed from text"
    note, arrays = "", []
    for c in v.columns:
        try:
            arrays.append(pyarrow.Array.from_pandas(v[c]))
        except Exception:
            arrays.append(pyarrow.array([None if x is None or x != x else str(x) for x in v[c]], pyarrow.string()))
            note = "columns of mixed values are text"
    flat = []
    for a in arrays:
        a = a.combine_chunks() if isinstance(a, pyarrow.ChunkedArray) else a
        flat.append(a.storage if isinstance(a, pyarrow.ExtensionArray) else a)
    table = pyarrow.Table.from_arrays(flat, names=list(v.columns))
    return arrow_out(table, path), note
def arrow_out(table, path):
    import pyarrow.ipc
    with open(path + ".arrow", "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path + ".arrow"
def give(v, path, limit):
    # Writes a frame where the engine reads it; the rows that were left out are told.
    name, top = kind_of(v)
    note = ""
    if top == "polars":
        if name == "Series":
            v = v.to_frame(v.name or "value")
        rows = None
        if name == "LazyFrame":
            v = v.head(limit).collect() if limit else v.collect()
        else:
            rows = v.height
            v = v.head(limit) if limit else v
        v.write_ipc(path + ".arrow", compression="uncompressed")
        return [path + ".arrow", v.height if rows is None else rows, note]
    if top == "pyarrow":
        import pyarrow
        rows = v.num_rows
        v = pyarrow.Table.from_batches([v]) if name == "RecordBatch" else v
        return [arrow_out(v.slice(0, limit) if limit else v, path), rows, note]
    if name == "Series":
        v = v.to_frame(v.name if v.name is not None else "value")
    rows = len(v)
    file, note = pandas_out((v.head(limit) if limit else v).copy(deep=False), path)
    return [file, rows, note]
def lend(ns, tables, params, folder, limit):
    out = {"frames": [], "values": {}, "refused": []}
    for n, key in enumerate(tables):
        if key not in ns:
            continue
        v = ns[key]
        if not is_frame(v):
            out["refused"].append([key, "it is a %s in the kernel" % kind_of(v)[0]])
            continue
        try:
            out["frames"].append([key] + give(v, "%s/%d" % (folder, n), limit))
        except Exception as e:
            out["refused"].append([key, "%s: %s" % (type(e).__name__, str(e)[:300])])
    for key in params:
        try:
            if key in ns:
                out["values"][key] = plain(ns[key])
        except Exception:
            out["refused"].append([key, "it is a %s in the kernel, no plain value" % kind_of(ns[key])[0]])
    return out
