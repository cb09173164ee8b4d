package kind

// Merge applies a PATCH to a stored body: what the patch leaves out stays,
// null clears, objects merge member by member (RFC 7396). Neither argument is
// changed.
func Merge(before, patch Body) Body {
	out := Body{}
	for k, v := range before {
		out[k] = v
	}
	for k, v := range patch {
		inner, isObject := v.(Body)
		old, _ := out[k].(Body) // what is no object is replaced by one
		switch {
		case v == nil:
			delete(out, k)
		case isObject:
			out[k] = Merge(old, inner)
		default:
			out[k] = v
		}
	}
	return out
}
